"""One feature judged by one test: every way it can end, and the sentence that says why."""

from functools import lru_cache
from math import isfinite

from watchpost.drift._sentences import against, movement
from watchpost.drift._test import TESTS, DriftTest
from watchpost.profiles.gap import CategoryCounts, Comparison, DistributionFunctions, comparison, is_numeric
from watchpost.profiles.statistics import FeatureStatistics
from watchpost.verdicts import Drifted, Verdict


@lru_cache(maxsize=64)
def load(name: str) -> DriftTest:
    """The test of that name. Raises: UnknownName, NameTaken, WrongFamily.

    Remembered: finding a member looks through a folder and through all installed packages, and judging takes less.
    """
    return TESTS.load(name)


def judge(
    baseline: FeatureStatistics,
    current: FeatureStatistics,
    *,
    test: str = "robust",
    threshold: float | None = None,
    compat: bool = False,
) -> Verdict:
    """Whether a feature's distribution moved from baseline to current. Never fails on data: see the chapter's rules.

    test: a name of `TESTS`. threshold: in the test's own unit; None for its default.
    compat: judge as the original does: numeric sketches lose their repeated values (contract 4.4), the original's
        chi-squared test is used, and neither a minimum of rows nor an allowance for chance applies. Only for tests that
        the original has; the others ignore it. The effect size and the sentence always tell what really happened.
    Raises: UnknownName, NameTaken, WrongFamily.
    """
    member = load(test)
    limit = member.default_threshold if threshold is None else threshold
    pair = comparison(baseline, current)

    def verdict(drifted: Drifted, reason: str, statistic: float | None = None) -> Verdict:
        return Verdict(
            feature=baseline.name,
            test=test,
            statistic=statistic,
            kind=member.kind,
            direction=member.direction,
            threshold=limit,
            effect_size=None if pair is None else pair.gap,
            baseline_rows=baseline.present,
            current_rows=current.present,
            drifted=drifted,
            reason=reason,
        )

    if pair is None:
        return verdict("not_enough_data", _incomparable(baseline, current))
    as_original = compat and member.in_original
    unfit = _unfit(pair, member, test, limit, as_original=as_original)
    if unfit is not None:
        return verdict("not_enough_data", unfit)
    seen = comparison(baseline, current, collapsed=True) if as_original else pair
    statistic = None if seen is None else _statistic(seen, member, as_original=as_original)
    if statistic is None or not isfinite(statistic):
        why = f"the {member.summary} cannot be computed: most categories hold too few rows, or values are too large"
        return verdict("not_enough_data", f"{movement(pair)}, but {why}.")
    beyond = statistic > limit if member.kind == "distance" else statistic < limit
    if not beyond or as_original or member.kind == "p_value":
        return verdict("yes" if beyond else "no", _decided(pair, member, statistic, limit), statistic)
    doubt = _doubt(pair, member, statistic, limit)
    if doubt is not None:
        return verdict("not_enough_data", doubt, statistic)
    return verdict("yes", _decided(pair, member, statistic, limit), statistic)


def _statistic(pair: Comparison, member: DriftTest, *, as_original: bool) -> float | None:
    match pair:
        case DistributionFunctions():
            return None if member.numeric is None else member.numeric.statistic(pair)
        case CategoryCounts():
            if as_original and member.original is not None:
                return member.original(pair)
            return None if member.categorical is None else member.categorical.statistic(pair)


def _chance(pair: Comparison, member: DriftTest, noise: float) -> float:
    """What chance adds to the statistic at most, 0 where nothing is allowed for."""
    match pair:
        case DistributionFunctions():
            chance = None if member.numeric is None else member.numeric.chance
            return 0.0 if chance is None else chance(pair, noise)
        case CategoryCounts():
            allowance = None if member.categorical is None else member.categorical.chance
            return 0.0 if allowance is None else allowance(pair, noise)


def _decided(pair: Comparison, member: DriftTest, statistic: float, threshold: float) -> str:
    seen, limit = against(statistic, threshold)
    side = "above" if statistic > threshold else "below" if statistic < threshold else "at"
    return f"{movement(pair)}. The {member.summary} is {seen}, {side} the threshold of {limit}."


def _doubt(pair: Comparison, member: DriftTest, statistic: float, threshold: float) -> str | None:
    """Why a distance beyond its threshold may still be chance, or None when it is not."""
    n, m = pair.baseline_rows, pair.current_rows
    chance = _chance(pair, member, 1 / n + 1 / m)
    if statistic > threshold + chance:
        return None
    seen, limit = against(statistic, threshold)
    return (
        f"{movement(pair)}. The {member.summary} is {seen}, above the threshold of {limit}, but with {m} rows against "
        f"{n} chance alone can add {chance:.3g}. {_rows_wanted(pair, member, statistic - threshold)}"
    )


def _rows_wanted(pair: Comparison, member: DriftTest, excess: float) -> str:
    """How many rows would make the excess over the threshold more than chance."""
    n, m = pair.baseline_rows, pair.current_rows
    for doublings in range(1, 31):
        if _chance(pair, member, 1 / n + 1 / (m << doublings)) < excess:
            return f"About {m << doublings} rows of this kind would settle it."
    return f"No number of current rows would settle it against a baseline of {n}: make a larger one."


def _unfit(pair: Comparison, member: DriftTest, test: str, threshold: float, *, as_original: bool) -> str | None:
    """Why this test cannot judge this pair, or None when it can."""
    match pair:
        case DistributionFunctions():
            measure, kind = member.numeric is not None, "numbers"
        case CategoryCounts():
            measure, kind = member.categorical is not None, "text"
    if not measure:
        return f"The test {test!r} has no meaning for {kind}. Choose another one for this column."
    if as_original:
        return None
    n, m = pair.baseline_rows, pair.current_rows
    side, rows = ("baseline", n) if n < m else ("current data", m)
    if rows < member.minimum_rows:
        return (
            f"{movement(pair)}, but the {side} holds {rows} values only, and the {member.summary} needs at least "
            f"{member.minimum_rows}."
        )
    if member.attainable is not None and member.attainable(1 / n + 1 / m) <= threshold:
        return (
            f"{movement(pair)}. With {m} rows against {n}, not even a column changed from top to bottom would bring "
            f"the {member.summary} above the threshold of {threshold:.3g}."
        )
    return None


def _incomparable(baseline: FeatureStatistics, current: FeatureStatistics) -> str:
    """Why two features have no common ground."""
    sides = (("baseline", baseline), ("current data", current))
    for side, feature in sides:
        if not feature.present:
            return f"The {side} holds no value of this column: {feature.missing} of {feature.missing} rows are empty."
    if is_numeric(baseline) != is_numeric(current) or "Unknown" in (baseline.inferred_type, current.inferred_type):
        return (
            f"The column is {_kind(current)} now, but the baseline learned it as {_kind(baseline)}. "
            "Correct the data or make a new baseline."
        )
    for side, feature in sides:
        if is_numeric(feature) and (feature.numeric is None or feature.numeric.sketch is None):
            return f"The statistics of the {side} hold no quantile sketch of this column. Make them anew."
        if not is_numeric(feature) and feature.categories is None:
            return f"The {side} has too many different values, or no counts of them, to compare category by category."
    return "One side holds no finite number of this column."


def _kind(feature: FeatureStatistics) -> str:
    match feature.inferred_type:
        case "String":
            return "text"
        case "Unknown":
            return "of unknown type"
        case _:
            return "numeric"
