"""How far chance alone moves a metric away from its baseline: what a threshold has to allow for.

The original's thresholds are the baseline's own values, and a value is as likely to lie beyond its twin as before it.
Here a metric has to lie so far beyond that, were nothing wrong, one run in a thousand would see any metric there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from watchpost.quality.document import MetricConstraint, QualityConstraints
from watchpost.quality.figures import Figures
from watchpost.quality.spread import HALVES

ALPHA = 0.001
"""Probability that a healthy window violates any constraint, all of them together (Bonferroni)."""

LEAST_SUPPORT = 10
"""Rows that a score has to rest on (recall: the positives) to be judged."""

_F_MEASURES = ("f0_5", "f1", "f2")


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures and how sure they are. errors: standard errors by metric. freedom: degrees of freedom of these."""

    figures: Figures
    errors: Mapping[str, float]
    freedom: int = HALVES - 1


def allowances(
    constraints: QualityConstraints, current: Measured, baseline: Figures | None, alpha: float = ALPHA
) -> dict[str, float]:
    """By how much each constrained metric may lie beyond its threshold, in its own unit.

    A threshold that is the baseline's own value is uncertain too; one that was edited by hand, or has no baseline, is
    taken as it is. Both sides' half-widths go together as the root of their squares' sum.
    Sources: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10 (scores); Zou and Donner 2008, the same 27,
    1693-1702 (any metric).
    """
    judged = [
        c for c in constraints.constraints if c.threshold is not None and _value(current.figures, c.name) is not None
    ]
    share = alpha / max(len(judged), 1)
    return {constraint.name: _allowance(constraint, current, baseline, share) for constraint in judged}


def interval(current: Measured, name: str, alpha: float = 0.05) -> tuple[float, float] | None:
    """The two-sided confidence interval of a metric at 1 - alpha; None where its spread is unknown."""
    value = _value(current.figures, name)
    rows = support(current.figures, name)
    if value is None or (name not in current.errors and rows is None):
        return None
    error = current.errors.get(name, 0.0)
    half = _quantile(alpha / 2, current.freedom) * error
    lower, upper = value - half, value + half
    if rows:
        low, high = _wilson(value, rows, _quantile(alpha / 2))
        lower, upper = max(min(lower, low), 0.0), min(max(upper, high), 1.0)
    return lower, upper


def support(figures: Figures, name: str) -> float | None:
    """Rows that a score rests on: of recall the positives, of precision the called, of auc the rarer class.

    None for what is no score in [0, 1] of a classification. Rows of unequal weight count for as many as would tell as
    much were all weights equal (`Figures.worth`).
    """
    if figures.problem_type == "Regression" or not _is_score(figures, name):
        return None
    matrix = figures.confusion_matrix
    if figures.problem_type == "MulticlassClassification" or matrix is None or matrix.classes != ("0", "1"):
        return figures.weight * figures.worth
    (right, wrong), (missed, hits) = matrix.scaled(figures.worth).counts
    if name in _F_MEASURES:
        return missed + wrong + hits
    return {
        "precision": wrong + hits,
        "recall": missed + hits,
        "true_positive_rate": missed + hits,
        "false_negative_rate": missed + hits,
        "true_negative_rate": right + wrong,
        "false_positive_rate": right + wrong,
        "auc": min(right + wrong, missed + hits),
        "au_prc": missed + hits,
        "average_precision": missed + hits,
    }.get(name, figures.weight * figures.worth)


def _allowance(constraint: MetricConstraint, current: Measured, baseline: Figures | None, share: float) -> float:
    value, threshold = _value(current.figures, constraint.name), constraint.threshold
    assert value is not None
    assert threshold is not None
    rising = constraint.operator == "GreaterThanThreshold"
    own = _half_width(current, constraint.name, value, share, upwards=not rising)
    if baseline is None or _value(baseline, constraint.name) != threshold or not baseline.rows:
        return own
    # Were nothing wrong, both sides would spread alike, so the current rows tell the baseline's error too: the file has
    # but a deviation of five values, and none below 200 rows.
    scale = math.sqrt(_worth_rows(current.figures) / _worth_rows(baseline))
    same = {name: error * scale for name, error in current.errors.items()}
    twin = Measured(baseline, same, current.freedom)
    return math.hypot(own, _half_width(twin, constraint.name, threshold, share, upwards=rising))


def _worth_rows(figures: Figures) -> float:
    return figures.rows if figures.effective_rows is None else figures.effective_rows


def _half_width(measured: Measured, name: str, value: float, share: float, *, upwards: bool) -> float:
    """From the value to the end of its one-sided interval at 1 - share.

    A score takes the wider of two: where it is 0 or 1 in all halves of the rows they show no spread, yet there is.
    """
    width = _quantile(share, measured.freedom) * measured.errors.get(name, 0.0)
    rows = support(measured.figures, name)
    if not rows or not 0.0 <= value <= 1.0:
        return width
    lower, upper = _wilson(value, rows, _quantile(share))
    return max(width, upper - value if upwards else value - lower)


def _wilson(score: float, rows: float, quantile: float) -> tuple[float, float]:
    """Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212."""
    square = quantile * quantile / rows
    middle = (score + square / 2) / (1 + square)
    half = quantile / (1 + square) * math.sqrt(max(score * (1 - score), 0.0) / rows + square / (4 * rows))
    return middle - half, middle + half


def _quantile(share: float, freedom: int | None = None) -> float:
    """What a standard normal variable, or Student's t of that freedom, exceeds with this probability."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  slow to import

    return float(-ndtri(share) if freedom is None else -stdtrit(freedom, share))


def _is_score(figures: Figures, name: str) -> bool:
    value = _value(figures, name)
    return name not in ("log_loss", "brier_score") and value is not None and 0.0 <= value <= 1.0


def _value(figures: Figures, name: str) -> float | None:
    return next((metric.value for metric in figures.metrics if metric.name == name), None)
