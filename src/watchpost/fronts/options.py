"""Options that several commands share, packed into one value each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from watchpost.data.dataset import Dataset
    from watchpost.monitors import Settings

Command = Callable[..., None]

_TYPED = {"\\t": "\t", "tab": "\t"}  # a tab is hard to type in a shell
_FORMATS = ("csv", "jsonl", "json", "parquet", "capture", "ground-truth")
_PROBLEMS = ("BinaryClassification", "MulticlassClassification", "Regression")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read DATA."""

    form: str | None
    header: bool
    delimiter: str | None

    def open(self, data: str, names: tuple[str, ...] = ()) -> "Dataset":
        """DATA as a dataset. Raises: InputError."""
        from watchpost import open_dataset

        return open_dataset(data, format=self.form, header=self.header, delimiter=self.delimiter, names=names)


@dataclass(frozen=True, slots=True)
class Describing:
    """Which monitor runs, and what it is told about the data."""

    monitor: str
    problem_type: str | None
    inference_attribute: str | None
    probability_attribute: str | None
    probability_threshold_attribute: float | None
    ground_truth_attribute: str | None
    segments: tuple[str, ...]
    ground_truth: str | None
    expected_label_share: float | None
    config: Path | None
    model: str | None
    seed: int
    positive_label: str | None

    def settings(self) -> "Settings":
        """The same as the monitors want it. Raises: InputError where the labels cannot be found, OSError."""
        from watchpost import open_dataset
        from watchpost.monitors import Settings

        return Settings(
            problem_type=self.problem_type,  # type: ignore[arg-type]  # click.Choice lets no other word through
            inference_attribute=self.inference_attribute,
            probability_attribute=self.probability_attribute,
            probability_threshold_attribute=self.probability_threshold_attribute,
            ground_truth_attribute=self.ground_truth_attribute,
            segments=self.segments,
            ground_truth=open_dataset(self.ground_truth) if self.ground_truth else None,
            expected_label_share=self.expected_label_share,
            analysis_config=self.config.read_text(encoding="utf-8") if self.config else None,
            model=self.model,
            seed=self.seed,
            positive_label=self.positive_label,
        )


def reading(command: Command) -> Command:
    """Adds the options of a command that reads a table, as one argument `reading`."""

    @wraps(command)
    def packed(form: str | None, no_header: bool, delimiter: str | None, **options: Any) -> None:  # click's own values
        command(reading=Reading(form, not no_header, delimiter), **options)

    return _with_options(
        packed,
        click.option(
            "--delimiter",
            callback=lambda _context, _option, given: _TYPED.get(given, given),
            help="Delimiter of CSV files.  [default: a comma; a tab for .tsv]",
        ),
        click.option("--no-header", is_flag=True, help="CSV files do not name their columns; they become _c0, _c1, …"),
        click.option("--format", "form", type=click.Choice(_FORMATS), help="Format of DATA, if it cannot be told."),
    )


def describing(command: Command) -> Command:
    """Adds the options of a command that runs a monitor, as one argument `about`."""

    @wraps(command)
    def packed(
        monitor: str,
        problem_type: str | None,
        inference_attribute: str | None,
        probability_attribute: str | None,
        probability_threshold: float | None,
        ground_truth_attribute: str | None,
        segment: tuple[str, ...],
        ground_truth: str | None,
        expected_label_share: float | None,
        config: Path | None,
        model: str | None,
        seed: int,
        positive_label: str | None,
        **options: Any,  # click's own values
    ) -> None:
        about = Describing(
            monitor.replace("-", "_"),
            problem_type,
            inference_attribute,
            probability_attribute,
            probability_threshold,
            ground_truth_attribute,
            segment,
            ground_truth,
            expected_label_share,
            config,
            model,
            seed,
            positive_label,
        )
        command(about=about, **options)

    path = click.Path(path_type=Path, exists=True, dir_okay=False)
    return _with_options(
        packed,
        click.option("--seed", type=int, default=0, show_default=True, help="Of everything drawn at random."),
        click.option("--model", help="What to explain: a model file, or the URL of an endpoint (explainability)."),
        click.option("--config", type=path, help="Clarify's analysis_config.json (bias, explainability)."),
        click.option(
            "--expected-label-share",
            type=click.FloatRange(0, 1),
            help="Share of predictions that have a label by now; fewer are a violation.",
        ),
        click.option("--ground-truth", help="Labels that arrived later: a file, folder, glob or s3:// URI."),
        click.option("--segment", multiple=True, help="Also give every figure by this column; may be repeated."),
        click.option("--positive-label", help="Label that is positive, all others negative.  [default: 1 or true]"),
        click.option("--ground-truth-attribute", help="Column of the true value or label."),
        click.option(
            "--probability-threshold",
            type=float,
            help="A score at it or above is positive (bias: above).  [default: 0.5]",
        ),
        click.option("--probability-attribute", help="Column of the score, or of the scores."),
        click.option("--inference-attribute", help="Column of the predicted value or label."),
        click.option("--problem-type", type=click.Choice(_PROBLEMS), help="What the model predicts (model-quality)."),
        click.option("--monitor", default="data-quality", show_default=True, help="Which monitor to run."),
    )


def _with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in options:
        command = option(command)
    return command
