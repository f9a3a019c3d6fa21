"""The analyzer: data quality and model quality, baselines and executions, as the environment says (contract 10.1)."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from watchpost.constraints.baseline import CONSTRAINTS, STATISTICS, Baseline
from watchpost.constraints.document import CategoricalMethod, DistributionConstraints, MonitoringConfig
from watchpost.data.columns_left_out import without
from watchpost.data.dataset import Dataset
from watchpost.data.ground_truth import GroundTruthFiles
from watchpost.data.preprocessing import Preprocessed
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source
from watchpost.errors import InputError
from watchpost.monitors import MONITORS, Learned, Monitor, Observation, Settings, Terms
from watchpost.quality.metrics import ProblemType
from watchpost.reports import ReadableReport
from watchpost.service.execution.data import format_of, in_window, name_of_file, opened, sources
from watchpost.service.execution.metrics import Line, data_quality, figures, summary, write_lines
from watchpost.service.execution.reports import kept_records, say, write_report
from watchpost.service.execution.scripts import labels_of, postprocess, preprocess_handler
from watchpost.service.execution.spec import METRICS, Spec, local
from watchpost.verdicts import Report

NO_VIOLATIONS = "Completed: Job completed successfully with no violations."
NO_DATA = "Job inputs had no data"
POSITIVE_LABEL = "watchpost_positive_label"
"""Environment of a job: the label that counts as positive, see `Settings.positive_label`."""

_PROBLEMS: tuple[ProblemType, ...] = get_args(ProblemType)
_METHODS: tuple[CategoricalMethod, ...] = get_args(CategoricalMethod)


def run_analyzer(root: Path, spec: Spec) -> str:
    """Learn a baseline, or check data against one; the job's exit message. Raises: WatchpostError."""
    environment = spec.environment
    quality = environment.get("analysis_type", "").upper() == "MODEL_QUALITY"
    monitor = MONITORS.load(spec.monitor or ("model_quality" if quality else "data_quality"))
    output = local(root, environment["output_path"])
    known = _baseline(root, spec, monitor)
    settings = analysis_settings(root, spec)
    with kept_records(output) as quarantine:
        dataset = _dataset(root, spec, known.column_names if known is not None else ())
        say(f"reading {dataset.name}")
        if known is None:
            message = _learn(root, spec, monitor, dataset, settings, quarantine)
        else:
            message = check(root, spec, monitor, known, dataset, settings, quarantine)
    script = environment.get("post_analytics_processor_script")
    if script:
        postprocess(root, local(root, script))
    return message


def check(
    root: Path,
    spec: Spec,
    monitor: Monitor[Any, Any],  # a member's baseline and observation are its own, see monitors
    known: Learned,
    dataset: Dataset,
    settings: Settings,
    quarantine: Quarantine,
) -> str:
    """Judge the data, leave the files and the metrics lines; the exit message. Raises: WatchpostError."""
    environment = spec.environment
    seen = monitor.observe(known, dataset, settings, quarantine)
    report = monitor.judge(known, seen, Terms(compat=environment.get("watchpost_compat", "").lower() == "true"))
    readable = ReadableReport.of(report)
    output = local(root, environment["output_path"])
    write_report(output, monitor.files(seen, report), readable)
    say(str(readable))
    if environment.get("publish_cloudwatch_metrics") == "Enabled":
        write_lines(local(root, METRICS), environment, _lines(known, seen, report, output))
    return report.exit_message


def analysis_settings(root: Path, spec: Spec, config: str | None = None) -> Settings:
    """What the environment says of the data. config: the text of an analysis_config.json. Raises: InputError."""
    environment = spec.environment
    given = environment.get("problem_type")
    problem = next((known for known in _PROBLEMS if known == given), None)
    if given and problem is None:
        raise InputError(f"problem_type is {given!r}, expected one of {', '.join(_PROBLEMS)}.")
    labels = environment.get("ground_truth_source")
    files = sources(root, spec, labels) if labels else ()
    # A prefix without a label yet is a window whose predictions are all unlabelled, which the monitor says.
    truth = GroundTruthFiles(files) if labels else None
    return Settings(
        problem_type=problem,
        inference_attribute=environment.get("inference_attribute") or None,
        probability_attribute=environment.get("probability_attribute") or None,
        probability_threshold_attribute=_number(environment, "probability_threshold_attribute"),
        ground_truth_attribute=environment.get("ground_truth_attribute") or None,
        ground_truth=truth,
        analysis_config=config,
        model=spec.model,
        positive_label=environment.get(POSITIVE_LABEL) or None,
    )


def records(root: Path, spec: Spec) -> tuple[Source, ...]:
    """The files of the window. Raises: InputError where no record lies there."""
    environment = spec.environment
    folder = environment["dataset_source"]
    files = sources(root, spec, folder)
    if files and spec.window is not None:
        files = in_window(root, files, *spec.window)
    if not files:
        during = (
            f" from {environment['start_time']} to {environment['end_time']}" if "start_time" in environment else ""
        )
        places = ", ".join(sorted({uri for path, uri in spec.uris.items() if path.startswith(folder)})[:5]) or folder
        raise InputError(f"{NO_DATA}: no record{during} under {places}.")
    return files


def _dataset(root: Path, spec: Spec, names: tuple[str, ...]) -> Dataset:
    environment = spec.environment
    files, form = records(root, spec), format_of(environment.get("dataset_format"))
    script = environment.get("record_preprocessor_script")
    excluded = environment.get("exclude_features_attribute")
    # A script is made for captured records; the service does not run it over a baseline's table either.
    if script and form is not None and form.captured:
        handler, logger = preprocess_handler(root, local(root, script))
        labels = environment.get("ground_truth_source")
        truths = labels_of(sources(root, spec, labels)) if labels else {}
        table: Dataset = Preprocessed(files, handler, logger, truths, identified=bool(labels))
    else:
        table = opened(files, form, names)
    return without(table, excluded.split(",")) if excluded else table


def _baseline(root: Path, spec: Spec, monitor: Monitor[Any, Any]) -> Learned | None:  # see check
    """What to judge by; None where the job is to learn, or a schedule has no baseline."""
    constraints, statistics = (
        local(root, path) if (path := spec.environment.get(name)) else None
        for name in ("baseline_constraints", "baseline_statistics")
    )
    found = next((path for path in (constraints, statistics) if path is not None), None)
    if found is None:
        return None
    if monitor is MONITORS.load("data_quality"):
        learned = Baseline.load(None, statistics=statistics, constraints=constraints)
        return replace(learned, name=name_of_file(root, spec, found))
    folder = root / "baseline"
    folder.mkdir(exist_ok=True)
    for beside in found.parent.iterdir():
        (folder / beside.name).symlink_to(beside)
    for given, usual in ((constraints, CONSTRAINTS), (statistics, STATISTICS)):
        if given is not None and given.name != usual:
            (folder / usual).symlink_to(given)
    known: Learned = monitor.load(folder)
    return known


def _learn(
    root: Path,
    spec: Spec,
    monitor: Monitor[Any, Any],  # see check
    dataset: Dataset,
    settings: Settings,
    quarantine: Quarantine,
) -> str:
    learned = monitor.suggest_baseline(dataset, settings, quarantine)
    given = spec.environment.get("categorical_drift_method")
    method = next((known for known in _METHODS if known == given), None)
    if given and method is None:
        raise InputError(f"categorical_drift_method is {given!r}, expected one of {', '.join(_METHODS)}.")
    if isinstance(learned, Baseline) and method is not None:
        learned = _with_method(learned, method)
    learned.save(local(root, spec.environment["output_path"]))
    say(monitor.summary(learned).sentence)
    return NO_VIOLATIONS


def _with_method(learned: Baseline, method: CategoricalMethod) -> Baseline:
    config = learned.constraints.monitoring_config or MonitoringConfig()
    drift = replace(config.distribution_constraints or DistributionConstraints(), categorical_drift_method=method)
    config = replace(config, distribution_constraints=drift)
    return replace(learned, constraints=replace(learned.constraints, monitoring_config=config))


def _lines(known: Learned, seen: object, report: Report, output: Path) -> Iterable[Line]:
    if isinstance(known, Baseline) and isinstance(seen, Observation):
        yield from data_quality(known, seen, report)
    else:
        yield from figures(report, output)
    yield from summary(report)


def _number(environment: dict[str, str], name: str) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} is {text!r}, expected a number.") from None
