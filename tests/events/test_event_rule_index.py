"""The index of patterns: it finds what asking every pattern finds."""

from hypothesis import given
from hypothesis import strategies as st

from watchpost.events.pattern import Pattern, compile_parsed
from watchpost.events.rule_index import RuleIndex

WORDS = st.sampled_from(["x", "y", "z"])
LEAVES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=2),
    st.sampled_from([[{"prefix": "x"}], ["x", {"exists": False}], [{"anything-but": "y"}], ["x", 1]]),
)
KEYS = st.sampled_from(["source", "detail-type", "region"])
FLAT = st.dictionaries(KEYS, LEAVES, min_size=1, max_size=3)
PATTERNS = st.one_of(FLAT, st.builds(lambda one, two, rest: {**rest, "$or": [one, two]}, FLAT, FLAT, FLAT))


@given(st.lists(PATTERNS, max_size=12), st.fixed_dictionaries({"source": WORDS, "detail-type": WORDS, "region": WORDS}))
def test_the_index_finds_what_asking_every_pattern_finds(
    patterns: list[dict[str, object]], event: dict[str, object]
) -> None:
    compiled: dict[int, Pattern] = {number: compile_parsed(pattern) for number, pattern in enumerate(patterns)}
    found = RuleIndex.of(compiled).matching(event)
    assert found == [number for number, pattern in compiled.items() if pattern.matches(event)]


def test_of_three_hundred_rules_only_those_for_the_source_are_asked() -> None:
    rules = {number: compile_parsed({"source": [f"app.{number}"]}) for number in range(300)}
    index = RuleIndex.of(rules)
    assert index.others == ()
    assert index.by_source["app.7"] == (7,)
    assert index.matching({"source": "app.7", "detail-type": "t"}) == [7]


def test_a_rule_that_names_only_a_detail_type_is_found_by_it() -> None:
    index = RuleIndex.of({"r": compile_parsed({"detail-type": ["t", "u"]})})
    assert index.matching({"source": "s", "detail-type": "u"}) == ["r"]
    assert index.matching({"source": "s", "detail-type": "v"}) == []
