"""What is said about attributions that were compared: plain values, made by `drift` and read by reports and files."""

from dataclasses import dataclass

from watchpost.verdicts import Drifted


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """How one feature's global attribution changed.

    baseline, current: global attributions; None on a side that does not know the feature.
    baseline_share, current_share: its part of the sum of all magnitudes of that side, in [0, 1].
    relative: (current - baseline) / abs(baseline); -0.17 is a loss of 17 %. None where baseline is None or 0.
    low, high: bootstrap interval of `relative` at the given confidence, for this feature alone; None without rows.
    p_value: how often chance moves any feature of the run as far; None without rows.
    moved: "not_enough_data" where there are too few rows, or none, to tell.
    """

    feature: str
    baseline: float | None
    current: float | None
    baseline_share: float
    current_share: float
    relative: float | None
    low: float | None
    high: float | None
    p_value: float | None
    moved: Drifted


@dataclass(frozen=True, slots=True)
class Exchange:
    """Two moved features, each now nearer to the other's former attribution than to its own."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class LabelDrift:
    """What became of one output's attributions.

    score: the NDCG, None where there is no order to keep. p_value: how often chance gives a score as low; None without
    rows. drifted: whether the order is lost: below the threshold, and lower than chance explains.
    changes: in baseline order, then features only the current side has. exchanges: pairs that changed places.
    missing, extra: features only the baseline, only the current side has; their attribution on the other side is 0.
    baseline_expected, current_expected: the average output on each side.
    """

    label: str
    score: float | None
    p_value: float | None
    drifted: Drifted
    changes: tuple[FeatureChange, ...]
    exchanges: tuple[Exchange, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    baseline_expected: float | None
    current_expected: float | None


@dataclass(frozen=True, slots=True)
class AttributionViolation:
    """One entry of the file `constraint_violations.json` of an explainability monitor, with its four fields."""

    label: str
    constraint_check_type: str
    description: str
    metric_name: str = "shap"


@dataclass(frozen=True, slots=True)
class AttributionDrift:
    """The outcome. alpha: the false-alarm rate that holds for it; None where chance could not be judged."""

    labels: tuple[LabelDrift, ...]
    violations: tuple[AttributionViolation, ...]
    alpha: float | None
    notes: tuple[str, ...]
