"""Whether the model relies on its features as it did: their order (NDCG), every one's change, and what changed places.

The contract's rule is one number against 0.9. Two features next to each other in the order may change places and leave
it at 0.97, so the default adds a test of every feature. The stated false-alarm rate `alpha` is for all of a run: while
both sides' explained rows come from one distribution, at most that share of runs reports anything, for any number of
rows, labels and features. Half of it is spent on the order, half on the features. It holds for independent rows that
were explained in the same way (explainer, baseline rows, num_samples); rows that repeat one another, or follow each
other in time, are fewer than they seem. Without the explained rows themselves there is the contract's rule only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, combinations, pairwise
from math import isfinite

import numpy as np

from watchpost.attribution.chance import family_p_values, lower_p_value, permuted, resampled
from watchpost.attribution.errors import Incomparable
from watchpost.attribution.explanation import Explanation, Matrix
from watchpost.attribution.global_attribution import GlobalAttribution, LabelAttribution, contributions, middle
from watchpost.attribution.ndcg import THRESHOLD, ndcg
from watchpost.attribution.outcome import AttributionDrift, Exchange, FeatureChange, LabelDrift
from watchpost.attribution.violations import violations_of
from watchpost.verdicts import Drifted


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How sure to be, and what is too small to report.

    alpha: false-alarm rate of a whole run, in (0, 1). permutations: rounds of the tests; p-values are multiples of
    1 / (permutations + 1), so alpha / 2 must be at least that. replicates, confidence: of the intervals.
    least_rows: explained rows needed on each side. least_relative: a feature moved by less than this part of its larger
    side is not reported, and neither is one with less than least_share of all attributions on both sides.
    """

    alpha: float = 0.01
    permutations: int = 999
    replicates: int = 1000
    confidence: float = 0.95
    least_rows: int = 20
    least_relative: float = 0.1
    least_share: float = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """One label on both sides, over all features of either; a feature that a side lacks is 0 there."""

    baseline: LabelAttribution
    current: LabelAttribution
    features: tuple[str, ...]
    before: Matrix
    after: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Chance:
    """What chance makes of the differences; columns are labels times features, in order."""

    order: tuple[float, ...]  # per label: how often chance gives any label so low a score
    p_values: Matrix  # (columns,)
    low: Matrix  # (columns,): interval of the relative change
    high: Matrix
    rows: int  # of the smaller side


def compare(
    baseline: GlobalAttribution,
    current: GlobalAttribution,
    rng: np.random.Generator,
    *,
    sensitivity: Sensitivity | None = None,
    compat: bool = False,
) -> AttributionDrift:
    """Judge the current attributions against the baseline's, label by label (labels and features match by name).

    Args: compat: the contract's rule and words only; chance is then not asked, and `rng` not used.
    Returns: deterministic given the generator's state. Raises: Incomparable when the sides were aggregated differently,
    are in different units, or have no label in common.
    """
    _refuse_unlike(baseline, current)
    how = sensitivity or Sensitivity()
    others = {label.label: label for label in current.labels}
    pairs = [_pair(label, others[label.label]) for label in baseline.labels if label.label in others]
    if not pairs:
        then, now = (", ".join(label.label for label in side.labels) or "none" for side in (baseline, current))
        raise Incomparable(f"the labels are {then} in the baseline and {now} now", "Use the same label headers")
    chance = None if compat else _chance(baseline, current, pairs, how, rng)
    starts = accumulate((len(pair.features) for pair in pairs[:-1]), initial=0)
    labels = tuple(
        _judged(pair, index, start, chance, how) for index, (pair, start) in enumerate(zip(pairs, starts, strict=True))
    )
    alpha = how.alpha if chance is not None else None
    notes = tuple(_notes(baseline, current, judged=chance is not None or compat))
    return AttributionDrift(labels, violations_of(labels, how.confidence, compat=compat), alpha, notes)


def _refuse_unlike(baseline: GlobalAttribution, current: GlobalAttribution) -> None:
    if baseline.aggregation != current.aggregation:
        why = f"the baseline's were aggregated by {baseline.aggregation}, the current ones by {current.aggregation}"
        raise Incomparable(why, "Aggregate both alike (agg_method)")
    sides = baseline.explanation, current.explanation
    if sides[0] is not None and sides[1] is not None and sides[0].units != sides[1].units:
        why = f"the baseline's are in units of {sides[0].units}, the current ones of {sides[1].units}"
        raise Incomparable(why, "Explain both with the same use_logit")


def _pair(baseline: LabelAttribution, current: LabelAttribution) -> _Pair:
    before, after = baseline.by_feature, current.by_feature
    features = tuple(dict.fromkeys((*baseline.features, *current.features)))
    return _Pair(
        baseline,
        current,
        features,
        np.array([before.get(name, 0.0) for name in features]),
        np.array([after.get(name, 0.0) for name in features]),
    )


def _chance(
    baseline: GlobalAttribution,
    current: GlobalAttribution,
    pairs: list[_Pair],
    how: Sensitivity,
    rng: np.random.Generator,
) -> _Chance | None:
    """None where a side's explained rows are not at hand, or fewer than two."""
    sides = baseline.explanation, current.explanation
    if sides[0] is None or sides[1] is None or min(sides[0].rows, sides[1].rows) < 2:
        return None
    rows = tuple(contributions(_columns(side, pairs), baseline.aggregation) for side in sides if side is not None)
    before, after = permuted(rows[0], rows[1], baseline.aggregation, how.permutations, rng)
    lengths = accumulate((len(pair.features) for pair in pairs), initial=0)
    spans = [slice(start, stop) for start, stop in pairwise(lengths)]
    lowest = [_lowest(ndcg(a[span], b[span]) for span in spans) for a, b in zip(before, after, strict=True)]
    # What one side does not know is a fact and no matter of chance, so it takes no part in the test.
    known = np.concatenate([[f in p.baseline.features and f in p.current.features for f in p.features] for p in pairs])
    p_values = np.ones(len(known))
    size = (np.abs(before) + np.abs(after)).max(axis=0)
    seen = [middle(side, baseline.aggregation) for side in rows]
    p_values[known] = family_p_values((seen[1] - seen[0])[known], (after - before)[:, known], size[known])
    low, high = _intervals(rows[0], rows[1], baseline, how, rng)
    scores = [ndcg(seen[0][span], seen[1][span]) for span in spans]
    order = tuple(1.0 if score is None else lower_p_value(score, np.array(lowest)) for score in scores)
    return _Chance(order, p_values, low, high, min(len(side) for side in rows))


def _columns(side: Explanation, pairs: list[_Pair]) -> Matrix:
    """The local attributions as (rows, labels times features), labels and features as in the pairs."""
    blocks = []
    for pair in pairs:
        own = side.values[:, side.labels.index(pair.baseline.label), :]
        place = {name: index for index, name in enumerate(side.features)}
        block = np.zeros((side.rows, len(pair.features)))
        for index, name in enumerate(pair.features):
            if name in place:
                block[:, index] = own[:, place[name]]
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _lowest(scores: Iterable[float | None]) -> float:
    return min((score for score in scores if score is not None), default=1.0)


def _intervals(
    baseline: Matrix, current: Matrix, side: GlobalAttribution, how: Sensitivity, rng: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """Percentile intervals of the relative change, per column; not finite where the baseline may be 0."""
    before = resampled(baseline, side.aggregation, how.replicates, rng)
    after = resampled(current, side.aggregation, how.replicates, rng)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = (after - before) / np.abs(before)
    tail = (1 - how.confidence) / 2
    # A replicate that was met, so that an infinite one is not averaged with its neighbour.
    low, high = np.quantile(relative, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high


def _judged(pair: _Pair, index: int, start: int, chance: _Chance | None, how: Sensitivity) -> LabelDrift:
    score = ndcg(pair.before, pair.after)
    p_value = chance.order[index] if chance is not None and score is not None else None
    changes = tuple(_changes(pair, start, chance, how))
    return LabelDrift(
        label=pair.baseline.label,
        score=score,
        p_value=p_value,
        drifted=_order_lost(score, p_value, how),
        changes=changes,
        exchanges=_exchanges(changes),
        missing=tuple(name for name in pair.baseline.features if name not in pair.current.features),
        extra=tuple(name for name in pair.current.features if name not in pair.baseline.features),
        baseline_expected=pair.baseline.expected,
        current_expected=pair.current.expected,
    )


def _order_lost(score: float | None, p_value: float | None, how: Sensitivity) -> Drifted:
    if score is None:
        return "not_enough_data"
    if score >= THRESHOLD:
        return "no"
    return "yes" if p_value is None or p_value <= how.alpha / 2 else "not_enough_data"


def _changes(pair: _Pair, start: int, chance: _Chance | None, how: Sensitivity) -> Iterator[FeatureChange]:
    shares = [side / (total if (total := float(np.abs(side).sum())) else 1.0) for side in (pair.before, pair.after)]
    known_before, known_after = set(pair.baseline.features), set(pair.current.features)
    for index, feature in enumerate(pair.features):
        before = float(pair.before[index]) if feature in known_before else None
        after = float(pair.after[index]) if feature in known_after else None
        both = before is not None and after is not None
        column = start + index
        p_value = float(chance.p_values[column]) if chance is not None and both else None
        relative = (after - before) / abs(before) if before and after is not None else None
        change = FeatureChange(
            feature=feature,
            baseline=before,
            current=after,
            baseline_share=abs(float(shares[0][index])),
            current_share=abs(float(shares[1][index])),
            relative=relative,
            low=_finite(chance.low[column]) if chance is not None and relative is not None else None,
            high=_finite(chance.high[column]) if chance is not None and relative is not None else None,
            p_value=p_value,
            moved="not_enough_data",
        )
        yield replace(change, moved=_moved(change, chance, how))


def _moved(change: FeatureChange, chance: _Chance | None, how: Sensitivity) -> Drifted:
    if chance is None or change.p_value is None or change.baseline is None or change.current is None:
        return "not_enough_data"
    larger = max(abs(change.baseline), abs(change.current))
    tells = (
        max(change.baseline_share, change.current_share) >= how.least_share
        and abs(change.current - change.baseline) >= how.least_relative * larger
    )
    if change.p_value <= how.alpha / 2:
        return "yes" if tells else "no"
    return "no" if chance.rows >= how.least_rows else "not_enough_data"


def _exchanges(changes: tuple[FeatureChange, ...]) -> tuple[Exchange, ...]:
    """Pairs of moved features, those that explain most first; no feature is in two of them."""
    moved = [(c.feature, c.baseline, c.current) for c in changes if c.moved == "yes"]
    found = []
    for (first, b1, c1), (second, b2, c2) in combinations(moved, 2):
        if b1 is None or c1 is None or b2 is None or c2 is None:
            continue
        gain_1, gain_2 = abs(c1 - b1) - abs(c1 - b2), abs(c2 - b2) - abs(c2 - b1)
        if gain_1 > 0 and gain_2 > 0:
            found.append((gain_1 + gain_2, first, second))
    taken: set[str] = set()
    exchanges = []
    for _, first, second in sorted(found, key=lambda pair: -pair[0]):
        if not taken & {first, second}:
            taken |= {first, second}
            exchanges.append(Exchange(first, second))
    return tuple(exchanges)


def _notes(baseline: GlobalAttribution, current: GlobalAttribution, *, judged: bool) -> Iterator[str]:
    if not judged:
        yield (
            "The explained rows are not at hand on both sides, so whether the changes are more than chance was not "
            "judged: keep attribution_data with the baseline."
        )
    names = [[label.label for label in side.labels] for side in (baseline, current)]
    for label in names[0]:
        if label not in names[1]:
            yield f"Label {label!r} of the baseline has no attributions now, so it was not judged."
    for label in names[1]:
        if label not in names[0]:
            yield f"Label {label!r} has no attributions in the baseline, so it was not judged."
    if baseline.aggregation == "median":
        yield "Medians may be negative: features are ordered by their magnitude."


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None
