"""Know what your model's data is doing.

>>> import watchpost as wp
>>> baseline = wp.suggest_baseline({"age": [31, 45, 28, 60], "city": ["Rome", "Oslo", "Rome", "Oslo"]})
>>> report = wp.check(baseline, {"age": [33, 47, 29, None], "city": ["Rome", "Oslo", "Bern", "Rome"]})
>>> [(violation.feature_name, violation.constraint_check_type) for violation in report.violations]
[('age', 'completeness_check'), ('city', 'categorical_values_check')]
"""

from pathlib import Path
from typing import TYPE_CHECKING

from watchpost.errors import WatchpostError

if TYPE_CHECKING:
    from watchpost.constraints.baseline import Baseline
    from watchpost.data.dataset import Dataset
    from watchpost.monitors import Settings
    from watchpost.reports import ReadableReport as Report

__version__ = "0.1.0"

__all__ = ["Baseline", "Report", "Settings", "WatchpostError", "check", "open_dataset", "suggest_baseline"]


def suggest_baseline(
    data: object,
    *,
    format: str | None = None,
    header: bool = True,
    delimiter: str | None = None,
    monitor: str = "data_quality",
    settings: "Settings | None" = None,
) -> "Baseline":
    """Learn a baseline, statistics and constraints, from data that is known to be good.

    Args: data: see `open_dataset`; so are format, header and delimiter. monitor: a member of `watchpost.monitors`.
    settings: what the monitors of models have to be told about the data.
    Returns: the baseline; its `save(folder)` writes `statistics.json` and `constraints.json`.
    Raises: InputError where the data cannot be read or holds no row.
    """
    from watchpost.data.quarantine import Quarantine
    from watchpost.monitors import MONITORS, Settings

    dataset = open_dataset(data, format=format, header=header, delimiter=delimiter)
    learned: Baseline = MONITORS.load(monitor).suggest_baseline(dataset, settings or Settings(), Quarantine())
    return learned


def check(
    baseline: "Baseline | str | Path",
    data: object,
    *,
    format: str | None = None,
    header: bool = True,
    delimiter: str | None = None,
    compat: bool = False,
    drift_test: str | None = None,
    monitor: str = "data_quality",
    settings: "Settings | None" = None,
) -> "Report":
    """Say everything that is wrong with data, measured against a baseline.

    Args: baseline: what `suggest_baseline` returned, or a folder with `statistics.json` and `constraints.json`, made by
    Watchpost or by the original service. data: see `open_dataset`; so are format, header and delimiter. Data without
    column names gets the baseline's, by position, when there are as many. Also the path of a `statistics.json`: a run
    that somebody else has seen.
    compat: reproduce the original's verdicts, its known defects included. drift_test: decide drift by this member of
    `watchpost.drift` instead of the constraints' method. monitor: a member of `watchpost.monitors`. settings: what the
    monitors of models have to be told about the data.
    Returns: the report: `.violations`, `.verdicts["age"]`, `.summary`, `.to_html(path)`; it shows itself in a notebook.
    Raises: InputError, BaselineError.
    """
    from watchpost.data.quarantine import Quarantine
    from watchpost.monitors import MONITORS, Settings, Terms
    from watchpost.reports import ReadableReport

    chosen = MONITORS.load(monitor)
    known = chosen.load(Path(baseline)) if isinstance(baseline, str | Path) else baseline
    seen = chosen.recall(data) if chosen.recall is not None and format is None else None
    if seen is None:
        dataset = open_dataset(data, format=format, header=header, delimiter=delimiter, names=known.column_names)
        seen = chosen.observe(known, dataset, settings or Settings(), Quarantine())
    return ReadableReport.of(chosen.judge(known, seen, Terms(compat, drift_test)))


def open_dataset(
    data: object,
    *,
    format: str | None = None,
    header: bool = True,
    delimiter: str | None = None,
    names: tuple[str, ...] = (),
) -> "Dataset":
    """Any table, as a stream of typed batches.

    Args: data: the path of a file, a folder, a glob or an `s3://` URI of CSV, JSON lines, JSON, Parquet or capture
    files; or a pandas, polars or pyarrow table; or a dict of columns.
    format: csv, jsonl, json, parquet, capture or ground-truth; None looks at the content. header: whether CSV files
    name their columns. delimiter: of CSV files; None is a tab for .tsv files and a comma for all others. names: given
    by position to columns without a name, when there are as many.
    Raises: SourceNotFound, UnknownFormat; reading raises the other InputErrors.
    """
    from watchpost.data import open_dataset as open_any

    return open_any(data, format=format, header=header, delimiter=delimiter, names=names)


def __getattr__(name: str) -> object:
    # Classes are part of the public API, but importing their chapters would import polars with them.
    if name == "Baseline":
        from watchpost.constraints.baseline import Baseline

        return Baseline
    if name == "Report":
        from watchpost.reports import ReadableReport

        return ReadableReport
    if name == "Settings":
        from watchpost.monitors import Settings

        return Settings
    raise AttributeError(f"module 'watchpost' has no attribute {name!r}")
