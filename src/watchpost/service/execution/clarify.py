"""Clarify's program: bias and explainability, baselines and executions, as `analysis_config.json` says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from watchpost.attribution import parse_config
from watchpost.attribution.endpoint import http_send
from watchpost.attribution.model import Model
from watchpost.attribution.remote import Wire, remote_model
from watchpost.data.dataset import Dataset, Identified
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source
from watchpost.data.weights import WEIGHT, carrying, with_weights
from watchpost.errors import InputError
from watchpost.monitors import MONITORS, Monitor, Settings
from watchpost.runners import RUNNERS, Job, Question
from watchpost.service.execution.analyzer import NO_VIOLATIONS, analysis_settings, check, records
from watchpost.service.execution.data import Format, format_of, opened
from watchpost.service.execution.reports import kept_records, say
from watchpost.service.execution.spec import Spec, local

ANALYSIS = "analysis.json"
_INPUT = "endpointInput_"
_PREDICTED, _ROWS = "watchpost_prediction", 1000


class _Methods(msgspec.Struct):
    pre_training_bias: dict[str, object] | None = None
    post_training_bias: dict[str, object] | None = None
    shap: dict[str, object] | None = None
    pdp: dict[str, object] | None = None


class _Config(msgspec.Struct):
    methods: _Methods = msgspec.field(default_factory=_Methods)
    dataset_type: str = "text/csv"
    headers: list[str] = []
    label: str | int | None = None
    predicted_label: str | int | None = None
    probability: str | int | None = None
    probability_threshold: float | None = None
    predictor: dict[str, object] | None = None
    facet: list[object] | None = None


def run_clarify(root: Path, spec: Spec) -> str:
    """Analyse as configured, or check against a baseline; the exit message. Raises: WatchpostError."""
    environment = spec.environment
    path = local(root, environment["analysis_config"])
    text = path.read_text(encoding="utf-8")
    try:
        config = msgspec.json.decode(text, type=_Config)
    except msgspec.MsgspecError as fault:
        raise InputError(f"analysis_config.json is not understood: {fault}.") from fault
    settings = analysis_settings(root, spec, text)
    if spec.model_job is not None:
        settings = replace(settings, model=_loaded(spec.model_job, spec.model, settings))
    output = local(root, environment["output_path"])
    with kept_records(output) as quarantine:
        if environment.get("baseline_constraints"):
            return _check(root, spec, config, settings, quarantine)
        return _analyse(root, spec, config, settings, quarantine, output)


def _check(root: Path, spec: Spec, config: _Config, settings: Settings, quarantine: Quarantine) -> str:
    constraints = local(root, spec.environment["baseline_constraints"])
    folder = root / "baseline"
    folder.mkdir(exist_ok=True)
    for beside in constraints.parent.iterdir():
        (folder / beside.name).symlink_to(beside)
    if constraints.name != ANALYSIS:
        (folder / ANALYSIS).symlink_to(constraints)
    monitor = MONITORS.load("explainability" if _explains(spec, config) else "bias")
    known = monitor.load(folder)
    form = format_of(spec.environment.get("dataset_format"))
    dataset = opened(records(root, spec), form, known.column_names)
    if isinstance(dataset, Identified) and monitor is MONITORS.load("explainability"):
        dataset = _Asked(dataset.by_event(), known.column_names)
    say(f"reading {dataset.name}")
    return check(root, spec, monitor, known, dataset, settings, quarantine)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What models were asked: the input side of captured records, its cells under the names of the features."""

    records: Dataset
    features: tuple[str, ...]

    @property
    def name(self) -> str:
        """As of the records."""
        return self.records.name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches. Raises: InputError where requests were not captured."""
        for batch in self.records.batches(quarantine):
            cells = [name for name in batch.columns if name.startswith(_INPUT)]
            if not cells:
                raise InputError("The capture holds no requests, only answers: capture the Input too, to explain it.")
            bare = [name.removeprefix(_INPUT) for name in cells]
            if len(bare) == len(self.features) and all(name.isdecimal() for name in bare):
                bare = list(self.features)
            asked = batch.select(cells).rename(dict(zip(cells, bare, strict=True)))
            yield carrying(asked, batch[WEIGHT] if WEIGHT in batch.columns else None)

    def weighted(self) -> Dataset:
        """See Weighted.weighted."""
        return replace(self, records=with_weights(self.records))


def _explains(spec: Spec, config: _Config) -> bool:
    kind = spec.environment.get("analysis_type", "")
    return kind == "MODEL_EXPLAINABILITY" if kind else config.methods.shap is not None and config.facet is None


def _analyse(root: Path, spec: Spec, config: _Config, settings: Settings, quarantine: Quarantine, output: Path) -> str:
    files = records(root, spec)
    form = format_of(spec.environment.get("dataset_format")) or _format(config, files[0])
    headers = tuple(config.headers)
    dataset = opened(files, form, headers)
    say(f"reading {dataset.name}")
    learned: list[dict[str, object]] = []
    if config.methods.pre_training_bias is not None or config.methods.post_training_bias is not None:
        table, told = _predicted(dataset, spec, config, settings)
        learned.append(_learn(MONITORS.load("bias"), table, told, quarantine, output))
    if config.methods.shap is not None:
        learned.append(_learn(MONITORS.load("explainability"), dataset, settings, quarantine, output))
    if not learned:
        raise InputError("analysis_config.json asks for none of pre_training_bias, post_training_bias and shap.")
    if config.methods.pdp is not None:
        say("partial dependence plots (pdp) are not made: Watchpost has bias metrics and Kernel SHAP")
    if len(learned) > 1:
        whole = {key: value for part in learned for key, value in part.items()}
        (output / ANALYSIS).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
    (output / "analysis_config.json").write_text(settings.analysis_config or "", encoding="utf-8")
    return NO_VIOLATIONS


def _learn(
    monitor: Monitor[Any, Any],  # a member's baseline and observation are its own, see monitors
    dataset: Dataset,
    settings: Settings,
    quarantine: Quarantine,
    output: Path,
) -> dict[str, object]:
    learned = monitor.suggest_baseline(dataset, settings, quarantine)
    learned.save(output)
    say(monitor.summary(learned).sentence)
    # An infinite metric is written as Python and Clarify write it, which is no JSON.
    text = (output / ANALYSIS).read_bytes()
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def _format(config: _Config, first: Source) -> Format | None:
    """The dataset's format. CSV files of a configuration with headers may still name their columns themselves."""
    line = first.head(1 << 16).decode(errors="replace").partition("\n")[0]
    named = config.headers == [cell.strip().strip('"') for cell in line.split(",")]
    kinds = {
        "text/csv": '{"csv": {"header": true}}' if named or not config.headers else '{"csv": {"header": false}}',
        "application/x-parquet": '{"parquet": {}}',
        "application/jsonlines": '{"json": {"lines": true}}',
        "application/json": '{"json": {"lines": false}}',
    }
    return format_of(kinds.get(config.dataset_type))


def _predicted(dataset: Dataset, spec: Spec, config: _Config, settings: Settings) -> tuple[Dataset, Settings]:
    """The data with the model's answers, where these are asked for, are not there, and a model is."""
    wants = config.methods.post_training_bias is not None
    there = isinstance(config.predicted_label, str) and config.predicted_label in config.headers
    if not wants or there or settings.inference_attribute or settings.probability_attribute:
        return dataset, settings
    model = _asked(spec, settings)
    if model is None:
        if config.predictor is not None:
            say("no model could be asked for predictions, so bias is measured in the labels alone")
        return dataset, settings
    return _Answered(dataset, model, config.label), _with_answers(settings, config)


def _asked(spec: Spec, settings: Settings) -> Model | None:
    """The model as a function of rows; None without one."""
    if spec.model_job is not None:
        return _loaded(spec.model_job, spec.model, settings)
    if spec.model is None:
        return None
    if spec.model.startswith(("http://", "https://")):
        return remote_model(http_send(spec.model), _wire(settings))
    return _loaded(Job("xgboost"), spec.model, settings)


def _loaded(job: Job, data: str | None, settings: Settings) -> Model:
    """The model, loaded here as its runner loads it for an endpoint, and asked as an endpoint is."""
    model = RUNNERS.load(job.runner).load(job, None if data is None else Path(data))
    return remote_model(lambda body, content_type: model(Question(body, content_type)).body, _wire(settings))


def _wire(settings: Settings) -> Wire:
    return parse_config(settings.analysis_config or "{}", "analysis_config.json").wire()


def _with_answers(settings: Settings, config: _Config) -> Settings:
    return replace(
        settings, probability_attribute=_PREDICTED, probability_threshold_attribute=config.probability_threshold
    )


@dataclass(frozen=True, slots=True)
class _Answered:
    """A table with the model's score of every row beside it."""

    whole: Dataset
    model: Model
    label: str | int | None

    @property
    def name(self) -> str:
        """As of the whole."""
        return self.whole.name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        for batch in self.whole.batches(quarantine):
            label = batch.columns[self.label] if isinstance(self.label, int) else self.label
            features = batch.drop(label, strict=False) if label is not None else batch
            scores = [float(row[-1]) for part in features.iter_slices(_ROWS) for row in self.model(part)]
            yield batch.with_columns(pl.Series(_PREDICTED, scores))
