"""The pattern language: laws against a slow reference, the rows recorded on AWS, the refusals in AWS's words."""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.events.operators import MalformedPattern, compile_leaf
from watchpost.events.pattern import compile_parsed, compile_pattern
from watchpost.events.wildcard import compile_wildcard

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, "", "x", "xy", "yx"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
EVENTS = st.dictionaries(KEYS, VALUES, max_size=3)
OPERATORS = st.sampled_from(
    [
        {"exists": True},
        {"exists": False},
        {"prefix": "x"},
        {"suffix": "x"},
        {"anything-but": "x"},
        {"anything-but": [1, 2]},
        {"numeric": [">", 0, "<=", 1]},
        {"equals-ignore-case": "XY"},
        {"wildcard": "*y*"},
    ]
)
LEAVES = st.lists(st.one_of(SCALARS, OPERATORS), min_size=1, max_size=3)
PATTERNS = st.recursive(
    st.dictionaries(KEYS, LEAVES, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.dictionaries(KEYS, st.one_of(LEAVES, inner), min_size=1, max_size=3),
        st.builds(lambda one, two, rest: {**rest, "$or": [one, two]}, inner, inner, st.dictionaries(KEYS, LEAVES)),
    ),
    max_leaves=5,
)


# --- a reference that tries every choice ----------------------------------------------------------------------------


def fields(
    value: object, path: tuple[str, ...] = (), place: frozenset[tuple[str, int]] = frozenset()
) -> Iterator[tuple[str, object, dict[str, int]]]:
    """Every scalar of a JSON value: path, value, and for each array around it (named by where it is) the index."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from fields(member, (*path, key), place)
    elif isinstance(value, list):
        array = f"{'.'.join(path)} {sorted(place)}"
        for at, member in enumerate(value):
            yield from fields(member, path, place | {(array, at)} if isinstance(member, dict | list) else place)
    else:
        yield ".".join(path), value, dict(place)


def conjunctions(pattern: Mapping[str, object], path: tuple[str, ...] = ()) -> Iterator[list[tuple[str, list[object]]]]:
    parts = []
    for key, value in pattern.items():
        if key == "$or":
            assert isinstance(value, list)
            parts.append([one for member in value for one in conjunctions(member, path)])
        elif isinstance(value, dict):
            parts.append(list(conjunctions(value, (*path, key))))
        else:
            assert isinstance(value, list)
            parts.append([[(".".join((*path, key)), value)]])
    for chosen in product(*parts):
        yield [leaf for part in chosen for leaf in part]


def accepts(test: object, value: object) -> bool:  # noqa: PLR0911  one line an operator
    """One value or operator on one value that is there."""
    text = value if isinstance(value, str) else None
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    match test:
        case {"exists": wanted}:
            return bool(wanted)
        case {"prefix": str(prefix)}:
            return text is not None and text[: len(prefix)] == prefix
        case {"suffix": str(suffix)}:
            return text is not None and text[-len(suffix) :] == suffix
        case {"anything-but": list(many)}:
            return number is None or number not in many
        case {"anything-but": str(one)}:
            return text != one
        case {"numeric": _}:
            return number is not None and 0 < number <= 1
        case {"equals-ignore-case": str(other)}:
            return text is not None and text.upper() == other
        case {"wildcard": str(glob)}:
            return text is not None and fnmatchcase(text, glob)
    return (type(test) is type(value) and test == value) or (
        number is not None and number == test and not isinstance(test, bool)
    )


def matched(pattern: Mapping[str, object], event: Mapping[str, object]) -> bool:
    """Try, for every leaf, every field it accepts, and there being none: some choice must fit together."""
    found = list(fields(event))

    def fits(leaves: list[tuple[str, list[object]]]) -> bool:
        choices = []
        for path, tests in leaves:
            here: list[dict[str, int] | None] = [
                place for at, value, place in found if at == path and any(accepts(test, value) for test in tests)
            ]
            choices.append([*here, *([None] if {"exists": False} in tests else [])])
        for choice in product(*choices):
            picked: dict[str, int] = {}
            agree = True
            for place in choice:
                for array, at in (place or {}).items():
                    agree &= picked.setdefault(array, at) == at
            blocked = any(
                at == path and all(picked.get(array, index) == index for array, index in place.items())
                for (path, _), chosen in zip(leaves, choice, strict=True)
                if chosen is None
                for at, _, place in found
            )
            if agree and not blocked:
                return True
        return False

    return any(fits(leaves) for leaves in conjunctions(pattern))


# --- laws -----------------------------------------------------------------------------------------------------------


@settings(max_examples=500)
@given(PATTERNS, EVENTS)
def test_the_matcher_agrees_with_trying_every_choice(pattern: dict[str, object], event: dict[str, object]) -> None:
    assert compile_pattern(json.dumps(pattern)).matches(event) == matched(pattern, event)


def pattern_of(value: Mapping[str, object]) -> dict[str, object]:
    """The pattern that names every scalar of an event outside arrays, and of arrays of scalars all of them."""
    found: dict[str, object] = {}
    for key, member in value.items():
        if isinstance(member, dict):
            inner = pattern_of(member)
            found |= {key: inner} if inner else {}
        elif isinstance(member, list):
            scalars = [one for one in member if not isinstance(one, dict | list)]
            found |= {key: scalars} if scalars else {}
        else:
            found[key] = [member]
    return found


@given(EVENTS)
def test_a_pattern_built_from_an_event_matches_it(event: dict[str, object]) -> None:
    pattern = pattern_of(event)
    if pattern:
        assert compile_parsed(pattern).matches(event)


@given(PATTERNS, EVENTS)
def test_anything_more_in_an_event_outside_the_paths_changes_nothing(
    pattern: dict[str, object], event: dict[str, object]
) -> None:
    compiled = compile_parsed(pattern)
    assert compiled.matches(event) == compiled.matches({**event, "elsewhere": {"a": ["x"]}})


@given(st.text("ab*\\.", max_size=8), st.text("ab.*\\", max_size=12))
def test_a_wildcard_is_the_regular_expression_it_looks_like(glob: str, text: str) -> None:
    try:
        wildcard = compile_wildcard(glob)
    except ValueError:
        return
    parts = re.findall(r"\\.|.", glob, re.DOTALL)
    expression = "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)
    assert wildcard.matches(text) == (re.fullmatch(expression, text, re.DOTALL) is not None)


@given(st.lists(SCALARS, min_size=1), SCALARS)
def test_a_leaf_of_plain_values_accepts_exactly_the_equal_ones(values: list[object], value: str | float | None) -> None:
    equal = any(a == value and isinstance(a, bool) == isinstance(value, bool) for a in values)
    assert compile_leaf(values).accepts(value) == equal


# --- known answers --------------------------------------------------------------------------------------------------

# Recorded on AWS by LocalStack's public snapshot tests (event patterns, December 2024), or from the user guide.
RECORDED = [
    ({"a": [300]}, {"a": 300.0}, True),
    ({"a": [300]}, {"a": 300}, True),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [True]}, {"a": 1}, False),
    ({"a": ["1"]}, {"a": 1}, False),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [None]}, {"a": "null"}, False),
    ({"a": [None]}, {"a": []}, False),
    ({"a": [""]}, {"a": ""}, True),
    ({"a": [{"exists": True}]}, {"a": []}, False),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
    ({"a": [{"exists": True}]}, {"a": None}, True),
    ({"a": [{"exists": False}]}, {"a": []}, True),
    ({"a": {"b": [{"exists": False}]}}, {}, True),
    ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, False),
    ({"a": [{"anything-but": "x"}]}, {}, False),
    ({"a": [{"anything-but": "x"}]}, {"a": None}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
    ({"a": [{"anything-but": 0}]}, {"a": 0.0}, False),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": 5}, True),
    ({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, {"a": "yes"}, False),
    ({"a": [{"anything-but": {"suffix": ".txt"}}]}, {"a": "a.txt"}, False),
    ({"a": [{"anything-but": {"equals-ignore-case": ["X"]}}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": {"wildcard": ""}}]}, {"a": "x"}, True),
    ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"a": "dir/lib/file"}, False),
    ({"a": [{"numeric": ["=", 3]}]}, {"a": "3"}, False),
    ({"a": [{"numeric": ["=", 3]}]}, {"a": 3.0}, True),
    ({"a": [{"numeric": ["=", 3]}]}, {"a": None}, False),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 0}, False),
    ({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": 10}, False),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.255"}, True),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.0"}, False),
    ({"a": [{"cidr": "10.0.0.5/24"}]}, {"a": "10.0.0.9"}, True),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}, True),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "10.0.0.1"}, False),
    ({"a": [{"wildcard": ""}]}, {"a": "x"}, False),
    ({"a": [{"wildcard": "a*b*c"}]}, {"a": "abc"}, True),
    ({"a": [{"wildcard": "a*b*c"}]}, {"a": "acb"}, False),
    ({"a": [{"wildcard": "a\\*b"}]}, {"a": "a*b"}, True),
    ({"a": [{"wildcard": "a\\*b"}]}, {"a": "axb"}, False),
    ({"a": [{"prefix": ""}]}, {"a": "anything"}, True),
    ({"a": [{"prefix": ""}]}, {"a": 5}, False),
    ({"a": [{"prefix": {"equals-ignore-case": "EC2"}}]}, {"a": "ec2 instance"}, True),
    ({"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, {"a": "x.png"}, True),
    ({"a": [{"equals-ignore-case": "Ec2"}]}, {"a": "eC2"}, True),
    ({"a": [{"equals-ignore-case": ""}]}, {"a": "x"}, False),
    ({"state": {"status": ["r"]}}, {"state.status": "r"}, True),
    ({"state.status": ["r"]}, {"state": {"status": "r"}}, True),
    ({"state": {"status": ["r"]}}, {"state.status": {"status": "r"}}, False),
    ({"state.status": {"status": ["r"]}}, {"state": {"status": "r"}}, False),
    ({"detail": {"k": ["v"]}}, {"detail": '{"k":"v"}'}, False),
    ({"Source": ["x"]}, {"source": "x"}, False),
    ({"a": ["x", "y"]}, {"a": ["z", "y"]}, True),
    ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
    ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x", "c": "n"}, {"b": "n", "c": "y"}]}, False),
    ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "n"}, {"b": "x", "c": "y"}]}, True),
    ({"$or": [{"a": ["x"]}, {"b": [{"exists": False}]}]}, {"a": "y"}, True),
    ({"c": ["z"], "$or": [{"a": [1]}, {"b": [{"numeric": ["<", 10]}]}]}, {"c": "z", "b": 3}, True),
    ({"c": ["z"], "$or": [{"a": [1]}, {"b": [{"numeric": ["<", 10]}]}]}, {"c": "z", "b": 30}, False),
    ({"detail": {"$or": [{"a": {"b": [1]}}, {"a": {"c": [1]}}]}}, {"detail": {"a": {"c": 1}}}, True),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), RECORDED)
def test_what_was_recorded_on_aws(pattern: dict[str, object], event: dict[str, object], expected: bool) -> None:
    assert compile_pattern(json.dumps(pattern)).matches(event) is expected


REFUSED = [
    ('["not", "a dict"]', "Filter is not an object"),
    ({"int": 42}, '"int" must be an object or an array'),
    ({"string": "my-value"}, '"string" must be an object or an array'),
    ({"resources": []}, "Empty arrays are not allowed"),
    ({"detail": {}}, "Empty objects are not allowed"),
    ({"d": [{"NUMERIC": ["=", 5]}]}, "Unrecognized match type NUMERIC"),
    ({"d": [{"EXISTS": True}]}, "Unrecognized match type EXISTS"),
    ({"d": [{"exists": "yes"}]}, "exists match pattern must be either true or false."),
    ({"d": [{"numeric": [">", 0, ">", 0]}]}, "Bad numeric range operator: >"),
    ({"d": [{"numeric": [">", 0, "<"]}]}, "Value of < must be numeric"),
    ({"d": [{"numeric": ["<", "5"]}]}, "Value of < must be numeric"),
    ({"d": [{"numeric": ["=", True]}]}, "Value of equals must be numeric"),
    ({"d": [{"numeric": 5}]}, "Value of numeric must be an array."),
    ({"d": [{"numeric": [">", 5, "<", 1]}]}, "Bottom must be less than top"),
    ({"d": [{"numeric": ["<", 5, ">", 1]}]}, "Too many elements in numeric expression"),
    ({"d": [{"numeric": ["~", 5]}]}, "Unrecognized numeric range operator: ~"),
    (
        {"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:**:event-bus/*"}]},
        "Consecutive wildcard characters at pos 26",
    ),
    ({"d": [{"wildcard": "a\\b"}]}, "Invalid escape character at pos 2"),
    ({"d": [{"wildcard": 123}]}, "wildcard match pattern must be a string"),
    ({"d": [{"wildcard": ["a*"]}]}, "wildcard match pattern must be a string"),
    ({"d": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}, "wildcard match pattern must be a string"),
    ({"d": [{"prefix": 123}]}, "prefix match pattern must be a string"),
    ({"d": [{"prefix": ["x"]}]}, "prefix match pattern must be a string"),
    ({"d": [{"suffix": [".png"]}]}, "suffix match pattern must be a string"),
    ({"d": [{"anything-but": {"prefix": 123}}]}, "prefix/suffix match pattern must be a string"),
    ({"d": [{"anything-but": {"suffix": [123, ".txt"]}}]}, "prefix/suffix match pattern must be a string"),
    ({"d": [{"equals-ignore-case": ["ec2"]}]}, "equals-ignore-case match pattern must be a string"),
    ({"d": [{"equals-ignore-case": {"prefix": "ec2"}}]}, "equals-ignore-case match pattern must be a string"),
    (
        {"d": [{"anything-but": {"equals-ignore-case": [123, 456]}}]},
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
    ({"d": [{"anything-but": None}]}, "Value of anything-but must be an array or single string/number value."),
    (
        {"d": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]},
        "Value of anything-but must be an array or single string/number value.",
    ),
    ({"d": [{"anything-but": [None]}]}, "Inside anything but list, start|null|boolean is not supported."),
    ({"d": [{"anything-but": {"prefix": ""}}]}, "Null prefix/suffix not allowed"),
    ({"d": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
    ({"d": [{"cidr": "10.0.0.0/xx"}]}, "Malformed CIDR, mask bits must be an integer"),
    ({"d": [{"cidr": "xx.11.xx/8"}]}, "Nonstandard IP address: xx.11.xx"),
    ({"d": [{"cidr": "xxxx:db8:1234:1a00::/64"}]}, "Nonstandard IP address: xxxx:db8:1234:1a00::"),
    ({"d": [{"cidr": ["bad-type"]}]}, "prefix match pattern must be a string"),
    ({"d": [{"prefix": "a", "suffix": "b"}]}, "Only one key allowed in match expression"),
    ({"d": [{}]}, "Match expression name not found"),
    ({"d": [["x"]]}, "Match value must be String, number, true, false, or null"),
    ({"$or": [{"a": [1]}]}, "There must have at least 2 Objects in $or relationship."),
    ({"$or": {"a": [1]}}, "It must be an Array followed with $or."),
    ({"$or": [{"a": [1]}, 5]}, "Only JSON object is allowed in array of $or relationship."),
    (
        {"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]},
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
        "wildcard character",
    ),
]


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_a_malformed_pattern_is_refused_in_the_words_of_aws(pattern: object, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        compile_pattern(pattern if isinstance(pattern, str) else json.dumps(pattern))
    assert refused.value.fault == "InvalidEventPatternException"
    assert refused.value.message == f"Event pattern is not valid. Reason: {reason}"


@pytest.mark.parametrize("text", ["", "{", "{'bad': 'quotation'}", "this is no JSON", '{"a": [NaN]}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^Event pattern is not valid\. Reason: .+"):
        compile_pattern(text)


def test_a_pattern_nested_very_deeply_is_refused() -> None:
    with pytest.raises(Refused, match="Event pattern is not valid"):
        compile_pattern('{"a":' * 2000 + "[1]" + "}" * 2000)


def test_the_wildcard_that_the_guide_recommends_instead_is_accepted() -> None:
    pattern = compile_pattern('{"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:*:event-bus/*"}]}')
    assert pattern.matches({"EventBusArn": "arn:aws:events:us-east-1:123456789012:event-bus/mine"})


def test_an_or_of_a_thousand_combinations_is_accepted_and_one_more_refused() -> None:
    ten = [{"k": [n]} for n in range(10)]
    compile_parsed({"a": {"$or": ten}, "b": {"$or": ten}, "c": {"$or": ten}})
    with pytest.raises(MalformedPattern, match="too complex"):
        compile_parsed({"a": {"$or": [*ten, {"k": [10]}]}, "b": {"$or": ten}, "c": {"$or": ten}})


def test_absence_inside_an_array_is_of_the_element_that_the_other_leaves_picked() -> None:
    pattern = compile_parsed({"a": {"b": ["x"], "c": [{"exists": False}]}})
    assert pattern.matches({"a": [{"b": "x"}, {"b": "y", "c": 1}]})
    assert not pattern.matches({"a": [{"b": "x", "c": 1}, {"b": "y"}]})


def test_many_large_arrays_are_matched_without_trying_every_combination() -> None:
    pattern = compile_parsed({key: {"k": [1], "absent": [{"exists": False}]} for key in "abcdef"})
    assert not pattern.matches({key: [{"k": 1, "absent": n} for n in range(300)] for key in "abcdef"})
