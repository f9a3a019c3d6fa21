"""Missing, extra and renamed columns: the contract's two counts, and (ours) every column by its name."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from watchpost.constraints.document import Constraints, FeatureConstraints
from watchpost.constraints.finding import PASSED, Finding, violated
from watchpost.profiles.gap import is_numeric, largest_gap
from watchpost.profiles.statistics import FeatureStatistics, Statistics

MISSING = "missing_column_check"
EXTRA = "extra_column_check"
RENAMED = "renamed_column_check"

_NOISE_LIMIT = 0.25  # with more sampling noise than this, too many columns look alike: about 52 rows beside many
_POSITIONAL = re.compile(r"_c[0-9]+")
_MOST_PAIRS = 10_000  # a comparison takes about 0.1 ms; a table with other columns altogether is not worth hours


def check_column_counts(constraints: Constraints, current: Statistics) -> Iterator[Finding]:
    """The contract's two checks of the whole table: as many columns as the constraints name, no fewer and no more."""
    expected, seen = len(constraints.features), len(current.features)
    counts = f"Number of columns in current dataset: {seen}, Number of columns in baseline constraints: {expected}"
    yield (
        violated("Missing columns", MISSING, f"There are missing columns in current dataset. {counts}")
        if seen < expected
        else PASSED
    )
    yield (
        violated("Extra columns", EXTRA, f"There are extra columns in current dataset. {counts}")
        if seen > expected
        else PASSED
    )


def check_column_names(constraints: Constraints, current: Statistics) -> Iterator[Finding]:
    """One check per column: each one the constraints name is there, and each one that is there is named by them."""
    there = {feature.name for feature in current.features}
    for feature in _judged(constraints):
        yield (
            PASSED
            if feature.name in there
            else violated(
                feature.name,
                MISSING,
                f"Column {feature.name!r} ({feature.inferred_type} in the baseline) is missing in current dataset.",
            )
        )
    known = {feature.name for feature in constraints.features}
    for column in current.features:
        yield (
            PASSED
            if column.name in known
            else violated(
                column.name,
                EXTRA,
                f"Column {column.name!r} ({column.inferred_type}) is in current dataset, not in baseline constraints.",
            )
        )


def check_renamed(constraints: Constraints, baseline: Statistics, current: Statistics) -> Iterator[Finding]:
    """One check per missing column, if there are extra ones: none of them is the same column under another name.

    Two columns match when their types do and their distributions differ by no more than 0.1 beyond sampling noise
    (1.8 * sqrt((n + m) / (n * m)), contract 4.3: what the drift check lets pass). A pair is reported when each is the
    other's best match, by distribution first and likeness of the names second.
    """
    known = {feature.name for feature in constraints.features}
    there = {feature.name for feature in current.features}
    before = {feature.name: feature for feature in baseline.features}
    missing = [before[f.name] for f in _judged(constraints) if f.name not in there and f.name in before]
    # A column that nobody named (`_c3`) was not renamed: names come by position, and fail for all columns together.
    extra = [f for f in current.features if f.name not in known and not _POSITIONAL.fullmatch(f.name)]
    if not missing or not extra:
        return
    if len(missing) * len(extra) > _MOST_PAIRS:
        note = f"{len(missing)} missing and {len(extra)} extra columns are too many to look for renamed ones."
        yield Finding(ran=False, note=note)
        return
    distances = {
        (old.name, new.name): distance
        for old in missing
        for new in extra
        if (distance := _distance(old, new)) is not None
    }
    for old in missing:
        candidates = [pair for pair in distances if pair[0] == old.name]
        best = min(candidates, key=lambda pair: (distances[pair], pair[1]), default=None)
        rivals = [pair for pair in distances if best is not None and pair[1] == best[1]]
        if best is None or min(rivals, key=lambda pair: (distances[pair], pair[0])) != best:
            yield PASSED
            continue
        yield violated(
            old.name,
            RENAMED,
            f"Column {old.name!r} is missing and column {best[1]!r} is new; they match in type "
            f"({old.inferred_type}) and distribution (largest gap {distances[best][0]:.3f}): probably renamed.",
        )


def _judged(constraints: Constraints) -> list[FeatureConstraints]:
    return [f for f in constraints.features if constraints.rules_for(f).evaluate_constraints]


def _distance(old: FeatureStatistics, new: FeatureStatistics) -> tuple[float, float] | None:
    """Gap (to a hundredth, finer is chance) and unlikeness of the names of two columns; None if they do not match."""
    if old.inferred_type != new.inferred_type and not (is_numeric(old) and is_numeric(new)):
        return None
    if not old.present or not new.present:
        return None
    noise = 1.8 * ((old.present + new.present) / (old.present * new.present)) ** 0.5
    gap = largest_gap(old, new)
    if gap is None or noise > _NOISE_LIMIT or gap > 0.1 + noise:
        return None
    likeness = SequenceMatcher(None, old.name.casefold(), new.name.casefold()).ratio()
    return round(gap, 2), 1.0 - likeness
