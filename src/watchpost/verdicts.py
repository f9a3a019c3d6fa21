"""The words every judgement is spoken in: plain frozen values, made by monitors and read by reports, files and alarms.

Ratios live in [0, 1]; percent exists only on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Drifted = Literal["yes", "no", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint, with exactly the three fields of `constraint_violations.json`.

    feature_name: a column, or the service's own words for a fault of the whole table (`Extra columns`).
    constraint_check_type: which check fired (docs/checks.md lists them all).
    description: the sentence for people, with the numbers in it.
    """

    feature_name: str
    constraint_check_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one feature's distribution moved, in terms that cannot be misread.

    feature: the column. test: the member of `watchpost.drift` that decided.
    statistic: the test's value; None when it could not be computed (then drifted is "not_enough_data").
    kind: what the statistic is. A "distance" drifts when it exceeds the threshold, a "p_value" when it falls below:
        `direction` says so in words.
    effect_size: the largest share of rows by which the two distribution functions (numeric) or any one category differ,
        in [0, 1], whatever the test was: the one number comparable between features.
    baseline_rows, current_rows: non-null values on each side.
    reason: one sentence saying why, for people.
    """

    feature: str
    test: str
    statistic: float | None
    kind: Literal["distance", "p_value"]
    direction: Literal["drift above threshold", "drift below threshold"]
    threshold: float
    effect_size: float | None
    baseline_rows: int
    current_rows: int
    drifted: Drifted
    reason: str


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a feature's picture: an interval [lower, upper) of numbers, or a category.

    baseline, current: share of that side's non-null values in it, in [0, 1]; None where a side is absent.
    lower, upper: bounds of the interval in the column's own unit; None for a category and for open ends.
    """

    label: str
    baseline: float | None
    current: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """What one side (baseline or current) knows of a feature. Numeric fields are None for text, and where unknown.

    std_dev: population standard deviation. distinct: distinct values, approximate beyond a few hundred.
    """

    inferred_type: str
    present: int
    missing: int
    mean: float | None = None
    std_dev: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    distinct: float | None = None

    @property
    def missing_ratio(self) -> float:
        """Share of rows without a value, in [0, 1]; 0 for an empty side."""
        rows = self.present + self.missing
        return self.missing / rows if rows else 0.0


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """Everything said about one column. baseline or current is None when that side has no such column."""

    name: str
    baseline: Side | None
    current: Side | None
    violations: tuple[Violation, ...] = ()
    verdict: Verdict | None = None
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a monitor judges: a quality metric, a bias metric, an attribution score.

    name: as in the service's files. group: what part of the data it speaks of, e.g. "Sex = 0" or "region = north";
        empty for all of it. title: its long name. meaning: what it says, in one plain sentence.
    value: None where it is undefined, and `error` says why.
    standard_deviation, lower, upper: how sure it is: the spread over resamples, or the ends of an interval.
    baseline: the value in the baseline; None where there is none. rule: what must hold, in words.
    judged: "violated", "kept", "not_enough_data" (too few rows to tell), or "not_judged" (nothing was asked of it).
    rows: how many records it rests on.
    """

    name: str
    value: float | None
    group: str = ""
    title: str = ""
    meaning: str = ""
    standard_deviation: float | None = None
    lower: float | None = None
    upper: float | None = None
    baseline: float | None = None
    rule: str = ""
    judged: Literal["violated", "kept", "not_enough_data", "not_judged"] = "not_judged"
    rows: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line over [0, 1] or another range, such as a ROC curve; points are (x, y), x ascending, at most a few hundred.

    baseline: the same curve of the baseline, empty where there is none.
    """

    name: str
    x_label: str
    y_label: str
    current: tuple[tuple[float, float], ...]
    baseline: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that could not be read: where it lies, why, and its beginning.

    line: 1-based line of the file (or row, for a file without lines); None when the whole file is meant.
    """

    source: str
    line: int | None
    reason: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineSummary:
    """How many records were set aside, why, and the first of them.

    total: all of them. reasons: count by kind of reason. first: a bounded number of them, in reading order.
    """

    total: int = 0
    reasons: Mapping[str, int] | None = None
    first: tuple[QuarantinedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The four figures a report opens with (defined in docs/report.md).

    data_quality_score: share of the evaluated checks, drift aside, that passed, in [0, 1]; None if none ran.
    drift_score: share of the compared features that drifted, in [0, 1]; None if none could be compared.
    missing_value_rate: share of the cells that the baseline's columns should have in the current data, but that hold no
        value, in [0, 1]; None without rows.
    violations: number of violations, drift included.
    """

    data_quality_score: float | None
    drift_score: float | None
    missing_value_rate: float | None
    violations: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one monitor's run, as plain data. docs/report.schema.json is its published shape.

    monitor: which monitor spoke, e.g. "data_quality". compat: whether the original's verdicts were reproduced.
    baseline_name, current_name: where each side came from. baseline_rows, current_rows: records on each side.
    features: in baseline order, then columns only the current data has.
    figures, curves: what monitors of models measure, the figures that matter most first; empty for data quality.
    next_steps: what to do, most urgent first, where a monitor can tell.
    notes: things a reader should know that are no violation (a check that could not run, and why).
    """

    monitor: str
    compat: bool
    baseline_name: str
    current_name: str
    baseline_rows: int
    current_rows: int
    summary: Summary
    violations: tuple[Violation, ...]
    features: tuple[FeatureReport, ...]
    quarantine: QuarantineSummary = QuarantineSummary()
    notes: tuple[str, ...] = ()
    schema_version: str = "1"
    figures: tuple[Figure, ...] = ()
    curves: tuple[Curve, ...] = ()
    next_steps: tuple[str, ...] = ()

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The drift verdict of every compared feature, by name."""
        return {f.name: f.verdict for f in self.features if f.verdict is not None}

    @property
    def ok(self) -> bool:
        """True when nothing is violated."""
        return not self.violations

    @property
    def exit_message(self) -> str:
        """The run's result in the service's own words."""
        if self.ok:
            return "Completed: Job completed successfully with no violations."
        return f"CompletedWithViolations: Job completed successfully with {len(self.violations)} violations."
