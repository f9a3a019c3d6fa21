"""From a dataset to the rows that are explained: at most 500 of them, their features, or attributions as logged."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from watchpost.attribution import AnalysisConfig
from watchpost.attribution.errors import UnfitRows
from watchpost.attribution.rows import EXPLAINED_ROWS, sample_rows
from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.monitors import Settings

_ROW, _LABEL, _EXPECTED, _ATTRIBUTION = "row", "label", "expected_value", "attributions."
_MADE_UP = re.compile(r"_c\d+|.*\[\d+\]")  # names of columns that nobody named: CSV without a header, JSON arrays
_NO_FEATURES = ("predicted_label", "joinsource_name_or_index", "excluded_columns")  # in analysis_config.json


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows of a dataset.

    frame: those that are explained, without columns when there is no row. records: how many the dataset holds.
    labels: None for rows of features; else the frame holds attributions, in columns `label.feature`.
    """

    frame: pl.DataFrame
    records: int
    labels: tuple[str, ...] | None = None


def read_sample(dataset: Dataset, quarantine: Quarantine, rng: np.random.Generator) -> Sample:
    """At most 500 rows, each equally likely, in one pass; attribution_data lines (ours) are put together by row.

    Raises: InputError, also when attributions of one row are incomplete.
    """
    batches = (batch for batch in dataset.batches(quarantine) if batch.height)
    first = next(batches, None)
    if first is None:
        return Sample(pl.DataFrame(), 0)
    heights: list[int] = []
    if not _is_logged(first.columns):
        return Sample(sample_rows(_counted(chain([first], batches), heights), EXPLAINED_ROWS, rng), sum(heights))
    labels = tuple(dict.fromkeys(map(str, first[_LABEL].to_list())))
    rows = sample_rows(_counted(_by_row(chain([first], batches), labels), heights), EXPLAINED_ROWS, rng)
    return Sample(rows, sum(heights), labels)


def feature_rows(
    rows: pl.DataFrame, features: tuple[str, ...], config: AnalysisConfig, settings: Settings, *, training: bool
) -> pl.DataFrame:
    """The columns that the model takes, in order.

    Args: features: their names, where they are known; else all columns but those that the configuration or the settings
    name as labels, predictions, ids or excluded. training: columns that nobody named may be the headers by position;
    traffic has an answer where training data has a label, so there only the features are named so.
    Raises: UnfitRows naming the features that are not there.
    """
    left_out = {
        *_left_out(config, config.headers or tuple(rows.columns)),
        *(name for name in (settings.inference_attribute, settings.probability_attribute) if name is not None),
    }
    wanted = features or tuple(name for name in config.headers if name not in left_out)
    if not wanted:
        return rows.select(name for name in rows.columns if name not in left_out)
    missing = [name for name in wanted if name not in rows.columns]
    if not missing:
        return rows.select(wanted)
    nameless = [name for name in rows.columns if _MADE_UP.fullmatch(name)]
    attributes = (settings.inference_attribute, settings.probability_attribute)
    inputs = [name for name in nameless if name.removeprefix("_c") not in attributes]
    for columns, names in ((inputs, wanted), (nameless, config.headers if training else ())):
        if columns and len(columns) == len(names) and set(wanted) <= set(names):
            return rows.select(columns).rename(dict(zip(columns, names, strict=True))).select(wanted)
    why = f"there is no column {', '.join(map(repr, missing[:5]))}" + (" and more" if len(missing) > 5 else "")
    todo = "Give the columns that the model was trained on, under the names of the baseline or of the config's headers"
    if nameless:
        todo += (
            f". {len(nameless)} columns have no name, for {len(wanted)} features: say which of them the model "
            f"answered, by --inference-attribute INDEX"
        )
    raise UnfitRows(why, todo)


def _counted(batches: Iterable[pl.DataFrame], heights: list[int]) -> Iterator[pl.DataFrame]:
    for batch in batches:
        heights.append(batch.height)
        yield batch


def _left_out(config: AnalysisConfig, columns: tuple[str, ...]) -> Iterator[str]:
    """Names of the columns that are no features; the configuration gives names, or indexes of columns."""
    given: list[object] = [config.label]
    for field in config.unknown:
        if len(field.place) == 1 and field.place[0] in _NO_FEATURES:
            value = json.loads(field.json)
            given += value if isinstance(value, list) else [value]
    for item in given:
        index = int(item) if isinstance(item, int) or (isinstance(item, str) and item.isdecimal()) else None
        if item in columns or index is None:
            yield str(item)
        elif index < len(columns):
            yield columns[index]


def _is_logged(columns: list[str]) -> bool:
    """Whether these are the members of attribution_data lines, and nothing else."""
    own = [name for name in columns if name.startswith(_ATTRIBUTION)]
    return bool(own) and {_ROW, _LABEL} <= set(columns) <= {_ROW, _LABEL, _EXPECTED, *own}


def _by_row(batches: Iterable[pl.DataFrame], labels: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """Lines of one label each, put side by side: one row per explained row, columns `label.feature`."""
    waiting = {label: pl.DataFrame() for label in labels}
    for batch in batches:
        lines = batch.with_columns(pl.col(_LABEL).cast(pl.String))
        strangers = set(lines[_LABEL].unique().to_list()) - set(labels)
        if strangers:
            why = f"label {min(map(repr, strangers))} begins only after others ended"
            raise UnfitRows(why, "Write the lines of one row, one per label, behind one another")
        for label in labels:
            part = lines.filter(pl.col(_LABEL) == label).drop(_LABEL)
            waiting[label] = pl.concat([waiting[label], part], how="diagonal_relaxed")
        ready = min(frame.height for frame in waiting.values())
        yield _side_by_side({label: frame.head(ready) for label, frame in waiting.items()})
        waiting = {label: frame.slice(ready) for label, frame in waiting.items()}
    for label, frame in waiting.items():
        if frame.height:
            short = ", ".join(repr(other) for other in labels if other != label)
            raise UnfitRows(
                f"label {label!r} has {frame.height} lines more than {short}", "Log every label of every row"
            )


def _side_by_side(parts: dict[str, pl.DataFrame]) -> pl.DataFrame:
    rows = [frame[_ROW] for frame in parts.values()]
    for label, other in zip(parts, rows, strict=True):
        if not other.equals(rows[0], check_dtypes=False):
            todo = "Write the lines of one row, one per label, behind one another, and leave out incomplete rows"
            raise UnfitRows(f"the lines of label {label!r} are of other rows than those of the first label", todo)
    named = [
        frame.drop(_ROW).rename(
            {name: f"{label}.{name.removeprefix(_ATTRIBUTION)}" for name in frame.columns if name != _ROW}
        )
        for label, frame in parts.items()
    ]
    return pl.concat(named, how="horizontal")
