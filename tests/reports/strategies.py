"""Any Report that the types allow, for laws."""

from hypothesis import strategies as st

from watchpost.reports.words import CHECKS
from watchpost.verdicts import (
    Bin,
    Curve,
    FeatureReport,
    Figure,
    QuarantinedRecord,
    QuarantineSummary,
    Report,
    Side,
    Summary,
    Verdict,
    Violation,
)

TEXTS = st.one_of(
    st.sampled_from(
        ["<script>alert(1)</script>", '"><b>', "{{ 7*7 }}", "[red]x[/red]", "\x1b[2J", "", " ", "سعر", "👩‍👧", "&amp;"]
    ),
    st.text(max_size=12),
)
COUNTS = st.integers(0, 2**53)
RATIOS = st.floats(0, 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def maybe(strategy):
    return st.none() | strategy


def violations(names=TEXTS):
    return st.builds(Violation, names, st.sampled_from([c.type for c in CHECKS]) | TEXTS, TEXTS)


def features(numbers=FINITE):
    sides = st.builds(
        Side, TEXTS, COUNTS, COUNTS, maybe(numbers), maybe(numbers), maybe(numbers), maybe(numbers), maybe(numbers)
    )
    bins = st.lists(st.builds(Bin, TEXTS, maybe(RATIOS), maybe(RATIOS), maybe(numbers), maybe(numbers)), max_size=4)
    verdicts = st.builds(
        Verdict,
        TEXTS,
        TEXTS,
        maybe(numbers),
        st.sampled_from(["distance", "p_value"]),
        st.sampled_from(["drift above threshold", "drift below threshold"]),
        numbers,
        maybe(RATIOS),
        COUNTS,
        COUNTS,
        st.sampled_from(["yes", "no", "not_enough_data"]),
        TEXTS,
    )
    return st.builds(
        FeatureReport,
        TEXTS,
        maybe(sides),
        maybe(sides),
        st.lists(violations(), max_size=2).map(tuple),
        maybe(verdicts),
        bins.map(tuple),
    )


def figures(numbers=FINITE):
    judged = st.sampled_from(["violated", "kept", "not_enough_data", "not_judged"])
    return st.builds(
        Figure,
        TEXTS,
        maybe(numbers),
        st.sampled_from(["", "Sex = 0"]) | TEXTS,
        TEXTS,
        TEXTS,
        maybe(numbers),
        maybe(numbers),
        maybe(numbers),
        maybe(numbers),
        TEXTS,
        judged,
        maybe(COUNTS),
        TEXTS,
    )


def curves(numbers=FINITE):
    points = st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple)
    return st.builds(Curve, TEXTS, TEXTS, TEXTS, points, points)


def reports(numbers=FINITE):
    quarantined = st.builds(QuarantinedRecord, TEXTS, maybe(st.integers(1, 2**40)), TEXTS, TEXTS)
    quarantine = st.builds(
        QuarantineSummary,
        COUNTS,
        maybe(st.dictionaries(TEXTS, COUNTS, max_size=2)),
        st.lists(quarantined, max_size=2).map(tuple),
    )
    monitors = st.sampled_from(["data_quality", "model_quality", "bias", "explainability"])
    return st.builds(
        Report,
        monitors | TEXTS,
        st.booleans(),
        TEXTS,
        TEXTS,
        COUNTS,
        COUNTS,
        st.builds(Summary, maybe(RATIOS), maybe(RATIOS), maybe(RATIOS), COUNTS),
        st.lists(violations(), max_size=4).map(tuple),
        st.lists(features(numbers), max_size=3).map(tuple),
        quarantine,
        st.lists(TEXTS, max_size=2).map(tuple),
        figures=st.lists(figures(numbers), max_size=4).map(tuple),
        curves=st.lists(curves(numbers), max_size=2).map(tuple),
        next_steps=st.lists(TEXTS, max_size=2).map(tuple),
    )
