"""The rules of composite alarms: grammar, precedence, limits, and a reader that survives anything."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.records import State
from watchpost.alarms.rules import parse_rule
from watchpost.errors import Refused

ON = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "two words": "ALARM", 'q"uote': "ALARM", "AND": "ALARM"}
STATES: dict[str, State] = ON  # type: ignore[assignment]  # literals of the dictionary above

ROWS = [
    ("ALARM(a)", "ALARM"),
    ("ALARM(b)", "OK"),
    ("OK(b)", "ALARM"),
    ("INSUFFICIENT_DATA(c)", "ALARM"),
    ("TRUE", "ALARM"),
    ("FALSE", "OK"),
    ("false", "OK"),
    ("NOT ALARM(b)", "ALARM"),
    ("NOT NOT ALARM(a)", "ALARM"),
    # NOT binds more than AND, AND more than OR.
    ("TRUE OR FALSE AND FALSE", "ALARM"),
    ("(TRUE OR FALSE) AND FALSE", "OK"),
    ("NOT FALSE AND FALSE", "OK"),
    ("NOT (FALSE AND FALSE)", "ALARM"),
    ('ALARM("two words")', "ALARM"),
    ('ALARM("q\\"uote")', "ALARM"),
    ('ALARM("AND") AND ALARM(a)', "ALARM"),
    ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", "ALARM"),
    ('ALARM("arn:aws:cloudwatch:us-east-1:000000000000:alarm:two words")', "ALARM"),
    ("AT_LEAST(1, ALARM, (a, b, c))", "ALARM"),
    ("AT_LEAST(2, ALARM, (a, b, c))", "OK"),
    ("AT_LEAST(2, NOT ALARM, (a, b, c))", "ALARM"),
    ("AT_LEAST(50%, ALARM, (a, b))", "ALARM"),
    ("AT_LEAST(51%, ALARM, (a, b))", "OK"),
    ('AT_LEAST(100%,OK,(b)) AND ALARM( "a" )', "ALARM"),
    ("  ALARM(a)\n  OR\tALARM(b) ", "ALARM"),
    # An alarm that is gone is in no state.
    ("ALARM(gone) OR OK(gone) OR INSUFFICIENT_DATA(gone)", "OK"),
]


@pytest.mark.parametrize(("text", "state"), ROWS)
def test_rules_mean_what_they_say(text: str, state: State) -> None:
    assert parse_rule(text).state(STATES.get) == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "ALARM",
        "ALARM()",
        "ALARM(a",
        "ALARM(a b)",
        "alarm(a)",
        "ALARM(a) ALARM(b)",
        "ALARM(a) AND",
        "AND ALARM(a)",
        "(ALARM(a)",
        "ALARM(a))",
        'ALARM("a)',
        "NOT",
        "ALARM(a) NOT ALARM(b)",
        "AT_LEAST(0, ALARM, (a))",
        "AT_LEAST(2, ALARM, (a))",
        "AT_LEAST(101%, ALARM, (a))",
        "AT_LEAST(1.5, ALARM, (a))",
        "AT_LEAST(1, ALARM, a)",
        "AT_LEAST(1, ALARM, ())",
        '"TRUE"',
    ],
)
def test_what_is_no_rule_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(Refused, match="syntax error at position") as refusal:
        parse_rule(text)
    assert refusal.value.fault == "ValidationError"


def test_children_are_named_once_in_the_order_of_the_rule() -> None:
    assert parse_rule("ALARM(b) AND (OK(a) OR AT_LEAST(1, ALARM, (c, b)))").children == ("b", "a", "c")


def test_more_than_a_hundred_children_are_refused() -> None:
    parse_rule(" OR ".join(f"ALARM(a{n})" for n in range(100)))
    with pytest.raises(Refused, match="100 alarms"):
        parse_rule(" OR ".join(f"ALARM(a{n})" for n in range(101)))


def test_more_than_five_hundred_elements_are_refused() -> None:
    with pytest.raises(Refused, match="500 elements"):
        parse_rule(" OR ".join("ALARM(a)" for _ in range(501)))


def test_deep_nesting_costs_no_recursion() -> None:
    assert parse_rule("(" * 5000 + "TRUE" + ")" * 5000).state(STATES.get) == "ALARM"
    assert parse_rule("NOT " * 400 + "TRUE").state(STATES.get) == "ALARM"


# A tree of a rule's parts: its text, and what it means in Python's own Booleans.
Rule = tuple[str, Callable[[], bool]]


def leaves() -> st.SearchStrategy[Rule]:
    constants = st.booleans().map(lambda value: (str(value).upper(), lambda: value))
    tests = st.tuples(st.sampled_from(["ALARM", "OK"]), st.sampled_from(["a", "b", "c"])).map(
        lambda pair: (f"{pair[0]}({pair[1]})", lambda: STATES[pair[1]] == pair[0])
    )
    return constants | tests


def grown(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    negated = inner.map(lambda one: (f"NOT ({one[0]})", lambda: not one[1]()))
    both = st.tuples(inner, inner)
    conjoined = both.map(lambda two: (f"({two[0][0]}) AND ({two[1][0]})", lambda: two[0][1]() and two[1][1]()))
    disjoined = both.map(lambda two: (f"({two[0][0]}) OR ({two[1][0]})", lambda: two[0][1]() or two[1][1]()))
    return negated | conjoined | disjoined


@given(st.recursive(leaves(), grown, max_leaves=12))
def test_rules_of_any_shape_equal_python_s_own_logic(rule: Rule) -> None:
    text, truth = rule
    assert parse_rule(text).state(STATES.get) == ("ALARM" if truth() else "OK")


@given(
    st.lists(st.tuples(st.sampled_from(["", "NOT "]), st.booleans(), st.sampled_from([" AND ", " OR "])), min_size=1)
)
def test_precedence_is_python_s_own(parts: list[tuple[str, bool, str]]) -> None:
    text = "".join(f"{sign}{str(value).upper()}{joint}" for sign, value, joint in parts) + "TRUE"
    python = text.replace("TRUE", "True").replace("FALSE", "False")
    python = python.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    truth = eval(python)
    if len(parts) < 500:
        assert parse_rule(text).state(STATES.get) == ("ALARM" if truth else "OK")


@given(st.text(alphabet=st.sampled_from('AND ORNOT()",%ALARM\\a1_'), max_size=60) | st.text(max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    with suppress(Refused):
        assert parse_rule(text).state(STATES.get) in {"ALARM", "OK"}
