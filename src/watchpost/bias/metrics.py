"""The bias metrics of counts: each compares group d (the facet's value) with group a (everyone else); contract 7.2.

A metric sees the confusion counts of both sides as arrays of any shape, so that one table and ten thousand resampled
ones cost one call. Conventions of the original throughout: 0/0 is 0, x/0 is infinite, and two infinite rates do not
differ. The flip test, the one metric that needs the rows, is `watchpost.bias.flip_test`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Stage = Literal["pre_training", "post_training"]


@dataclass(frozen=True, slots=True)
class Side:
    """Weighted rows of one group by what was observed and predicted; all four of one shape.

    tp: positive and predicted so. fp: negative, predicted positive. fn: positive, predicted negative. tn: negative and
    predicted so. Without predictions everything is counted as predicted negative.
    """

    tp: Array
    fp: Array
    fn: Array
    tn: Array

    @property
    def all(self) -> Array:
        """Every row."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positive(self) -> Array:
        """Rows with the positive label."""
        return self.tp + self.fn

    @property
    def negative(self) -> Array:
        """Rows with a negative label."""
        return self.tn + self.fp

    @property
    def accepted(self) -> Array:
        """Rows predicted positive."""
        return self.tp + self.fp

    @property
    def rejected(self) -> Array:
        """Rows predicted negative."""
        return self.tn + self.fn

    def total(self) -> "Side":
        """Summed over the last axis, the values of the group variable."""
        return Side(self.tp.sum(-1), self.fp.sum(-1), self.fn.sum(-1), self.tn.sum(-1))


def side(cells: NDArray[np.float64] | NDArray[np.int64]) -> Side:
    """A side of cells with axes (…, label, prediction), each negative first."""
    table = cells.astype(np.float64)
    return Side(tp=table[..., 1, 1], fp=table[..., 0, 1], fn=table[..., 1, 0], tn=table[..., 0, 0])


def ratio(above: Array, below: Array) -> Array:
    """Quotient of above and below, both not negative, with 0/0 = 0 and x/0 infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below != 0, above / below, np.where(above == 0, 0.0, np.inf))


def _difference(left: Array, right: Array) -> Array:
    """Left minus right; 0 where both are infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(left == right, 0.0, left - right)


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of a side that a rate is a share of, and what they are called."""

    rows: Callable[[Side], Array]
    words: str


EVERYONE = Share(lambda s: s.all, "rows")
_POSITIVE = Share(lambda s: s.positive, "rows with the positive label")
_NEGATIVE = Share(lambda s: s.negative, "rows with a negative label")
_ACCEPTED = Share(lambda s: s.accepted, "rows predicted positive")
_REJECTED = Share(lambda s: s.rejected, "rows predicted negative")
_FALSE_POSITIVE = Share(lambda s: s.fp, "false positives")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    description: as the original's files print it. neutral: its value when both groups fare alike. scale: how far it is
    from there; a "ratio" as its logarithm, so that half and double are equally far, all others by difference; a
    "distance" is never negative. compute: sides a and d to values; sides keep the axis of the group variable last if
    by_group. share_of: the rows that the compared rates are shares of, by the name of `Side`'s property.
    """

    name: str
    description: str
    stage: Stage
    compute: Callable[[Side, Side], Array] | None
    share_of: Share = EVERYONE
    scale: Literal["difference", "ratio", "distance"] = "difference"
    neutral: float = 0.0
    by_group: bool = False


def _class_imbalance(a: Side, d: Side) -> Array:
    return (a.all - d.all) / (a.all + d.all)


def _label_shares(a: Side, d: Side) -> tuple[Array, Array]:
    """Shares of the negative and the positive label among a and among d, on the first axis.

    A label that one group lacks counts for neither, and the remaining share is not scaled up, as in the original.
    """
    with np.errstate(invalid="ignore"):
        of_a = np.stack([ratio(a.negative, a.all), ratio(a.positive, a.all)])
        of_d = np.stack([ratio(d.negative, d.all), ratio(d.positive, d.all)])
    common = (of_a > 0) & (of_d > 0)
    return np.where(common, of_a, 0.0), np.where(common, of_d, 0.0)


def _divergence(p: Array, q: Array) -> Array:
    """Σ p ln(p/q) over the first axis; terms without mass are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence: Array = np.where(p > 0, p * np.log(p / q), 0.0).sum(0)
    return divergence


def _kullback_leibler(a: Side, d: Side) -> Array:
    return _divergence(*_label_shares(a, d))


def _jensen_shannon(a: Side, d: Side) -> Array:
    p, q = _label_shares(a, d)
    middle = (p + q) / 2
    return (_divergence(p, middle) + _divergence(q, middle)) / 2


def _lp_norm(a: Side, d: Side) -> Array:
    p, q = _label_shares(a, d)
    distance: Array = np.sqrt(np.square(p - q).sum(0))
    return distance


def _total_variation(a: Side, d: Side) -> Array:
    p, q = _label_shares(a, d)
    distance: Array = np.abs(p - q).sum(0) / 2
    return distance


def _kolmogorov_smirnov(a: Side, d: Side) -> Array:
    p, q = _label_shares(a, d)
    distance: Array = np.abs(p - q).max(0)
    return distance


def _positive_proportions(a: Side, d: Side) -> Array:
    return ratio(a.positive, a.all) - ratio(d.positive, d.all)


def _accepted_proportions(a: Side, d: Side) -> Array:
    return ratio(a.accepted, a.all) - ratio(d.accepted, d.all)


def _disparate_impact(a: Side, d: Side) -> Array:
    return ratio(ratio(d.accepted, d.all), ratio(a.accepted, a.all))


def _conditional_acceptance(a: Side, d: Side) -> Array:
    return _difference(ratio(a.positive, a.accepted), ratio(d.positive, d.accepted))


def _conditional_rejection(a: Side, d: Side) -> Array:
    return _difference(ratio(d.negative, d.rejected), ratio(a.negative, a.rejected))


def _recall(a: Side, d: Side) -> Array:
    return ratio(a.tp, a.positive) - ratio(d.tp, d.positive)


def _specificity(a: Side, d: Side) -> Array:
    return ratio(d.tn, d.negative) - ratio(a.tn, a.negative)


def _acceptance_rates(a: Side, d: Side) -> Array:
    return ratio(a.tp, a.accepted) - ratio(d.tp, d.accepted)


def _rejection_rates(a: Side, d: Side) -> Array:
    return ratio(d.tn, d.rejected) - ratio(a.tn, a.rejected)


def _accuracy(a: Side, d: Side) -> Array:
    return ratio(a.tp + a.tn, a.all) - ratio(d.tp + d.tn, d.all)


def _treatment_equality(a: Side, d: Side) -> Array:
    return _difference(ratio(d.fn, d.fp), ratio(a.fn, a.fp))


def _generalized_entropy(a: Side, d: Side) -> Array:
    # Each row's benefit is prediction - label + 1: 0 for a false negative, 2 for a false positive, else 1.
    rows, none, twice = a.all + d.all, a.fn + d.fn, a.fp + d.fp
    once = rows - none - twice
    with np.errstate(divide="ignore", invalid="ignore"):
        share = rows / (once + 2 * twice)
        entropy: Array = (once * (np.square(share) - 1) + twice * (np.square(2 * share) - 1) - none) / (2 * rows)
    return entropy


def _disparity(d_yes: Array, d_no: Array, yes: Array, no: Array) -> Array:
    """Mean over the groups, by their size, of d's share of the refused minus d's share of the favoured."""
    within = np.where(no > 0, ratio(d_no, no), 0.0) - np.where(yes > 0, ratio(d_yes, yes), 0.0)
    size = yes + no
    return _signed_ratio((size * within).sum(-1), size.sum(-1))


def _signed_ratio(above: Array, below: Array) -> Array:
    """Quotient for any sign of above; 0 where below is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below != 0, above / below, 0.0)


def _disparity_in_labels(a: Side, d: Side) -> Array:
    return _disparity(d.positive, d.negative, a.positive + d.positive, a.negative + d.negative)


def _disparity_in_predictions(a: Side, d: Side) -> Array:
    return _disparity(d.accepted, d.rejected, a.accepted + d.accepted, a.rejected + d.rejected)


METRICS: tuple[Metric, ...] = (
    Metric(
        "CDDL",
        "Conditional Demographic Disparity in Labels (CDDL)",
        "pre_training",
        _disparity_in_labels,
        by_group=True,
    ),
    Metric("CI", "Class Imbalance (CI)", "pre_training", _class_imbalance),
    Metric("DPL", "Difference in Positive Proportions in Labels (DPL)", "pre_training", _positive_proportions),
    Metric("JS", "Jensen-Shannon Divergence (JS)", "pre_training", _jensen_shannon, scale="distance"),
    Metric("KL", "Kullback-Liebler Divergence (KL)", "pre_training", _kullback_leibler, scale="distance"),
    Metric("KS", "Kolmogorov-Smirnov Distance (KS)", "pre_training", _kolmogorov_smirnov, scale="distance"),
    Metric("LP", "L-p Norm (LP)", "pre_training", _lp_norm, scale="distance"),
    Metric("TVD", "Total Variation Distance (TVD)", "pre_training", _total_variation, scale="distance"),
    Metric("AD", "Accuracy Difference (AD)", "post_training", _accuracy),
    Metric(
        "CDDPL",
        "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
        "post_training",
        _disparity_in_predictions,
        by_group=True,
    ),
    Metric("DAR", "Difference in Acceptance Rates (DAR)", "post_training", _acceptance_rates, _ACCEPTED),
    Metric("DCA", "Difference in Conditional Acceptance (DCA)", "post_training", _conditional_acceptance, _ACCEPTED),
    Metric("DCR", "Difference in Conditional Rejection (DCR)", "post_training", _conditional_rejection, _REJECTED),
    Metric("DI", "Disparate Impact (DI)", "post_training", _disparate_impact, scale="ratio", neutral=1.0),
    Metric(
        "DPPL", "Difference in Positive Proportions in Predicted Labels (DPPL)", "post_training", _accepted_proportions
    ),
    Metric("DRR", "Difference in Rejection Rates (DRR)", "post_training", _rejection_rates, _REJECTED),
    Metric("FT", "Flip Test (FT)", "post_training", None),
    Metric("GE", "Generalized Entropy (GE)", "post_training", _generalized_entropy, scale="distance"),
    Metric("RD", "Recall Difference (RD)", "post_training", _recall, _POSITIVE),
    Metric("SD", "Specificity Difference (SD)", "post_training", _specificity, _NEGATIVE),
    Metric("TE", "Treatment Equality (TE)", "post_training", _treatment_equality, _FALSE_POSITIVE),
)
"""All metrics, by stage and name; a test holds that `watchpost.bias.words` explains each."""

BY_NAME = {metric.name: metric for metric in METRICS}


def why_undefined(metric: Metric, a: Side, d: Side, *, grouped: bool) -> str | None:
    """Why a metric has no value, as a sentence; None when it has one.

    Args: a, d: sides with the axis of the group variable, missing values of it last. grouped: whether there is such a
    variable. The generalized entropy asks for rows only, and the conditional disparities for rows of both outcomes:
    those are defined where a group is empty, as in the original.
    """
    all_a, all_d = a.total(), d.total()
    if metric.by_group:
        return _why_no_disparity(metric, all_a, all_d, grouped)
    if metric.name == "GE":
        return _why_no_entropy(all_a, all_d)
    if float(all_d.all) == 0:
        return "The facet's group is empty: no row belongs to it."
    if float(all_a.all) == 0:
        return "The group of everyone else is empty: every row belongs to the facet's group."
    if metric.scale == "distance" and not _share_a_label(all_a, all_d):
        return "The two groups have no label in common."
    return None


def _why_no_entropy(a: Side, d: Side) -> str | None:
    rows = float(a.all + d.all)
    if rows == 0:
        return "There is no row."
    useless = float(a.fn + d.fn) == rows
    return "All predicted labels are false negatives: nobody has a benefit to compare." if useless else None


def _why_no_disparity(metric: Metric, a: Side, d: Side, grouped: bool) -> str | None:
    if not grouped:
        return "There is no group variable: name one to compare within its values."
    kind = "predicted label" if metric.stage == "post_training" else "label"
    yes, no = (a.accepted + d.accepted, a.rejected + d.rejected)
    if metric.stage == "pre_training":
        yes, no = (a.positive + d.positive, a.negative + d.negative)
    if float(yes) == 0:
        return f"There is no positive {kind}."
    return f"There is no negative {kind}." if float(no) == 0 else None


def _share_a_label(a: Side, d: Side) -> bool:
    return bool((a.positive > 0) & (d.positive > 0) | (a.negative > 0) & (d.negative > 0))
