"""Filter patterns. Rows come from CloudWatch's "Filter pattern syntax" page unless a name says otherwise."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.logs import pattern_regex
from watchpost.logs.filter_pattern import compile_pattern
from watchpost.logs.pattern_values import comparison


def matches(pattern: str, message: str) -> bool:
    return compile_pattern(pattern).select([message])[0]


# --- laws -------------------------------------------------------------------------------------------------------------

patterns = st.one_of(
    st.text(max_size=60),
    st.text("{}[]()$.=!<>&|*%\"'?-,\\ abEXISTNUL01", max_size=60),
    st.text("{}[]()$.=!<>&|*%\"'?-,\\ abEXISTNUL01", max_size=50).map(lambda text: "{" + text + "}"),
    st.text("{}[]()$.=!<>&|*%\"'?-,\\ abEXISTNUL01", max_size=50).map(lambda text: "[" + text + "]"),
)


@given(patterns, st.lists(st.text(max_size=40), max_size=4))
def test_every_text_is_a_pattern_that_answers_or_is_refused(pattern, messages):
    try:
        compiled = compile_pattern(pattern)
    except Refused:
        return
    assert [compiled.select([message])[0] for message in messages] == compiled.select(messages)
    for message, chosen in zip(messages, compiled.select(messages), strict=True):
        assert compiled.may_match("".join(messages)) or not chosen
        compiled.extract(message)


words = st.text("abcAB", min_size=1, max_size=2)


@given(
    st.lists(words, max_size=2), st.lists(words, max_size=2), st.lists(words, max_size=2), st.text("abcAB ", max_size=8)
)
def test_terms_mean_all_of_these_none_of_those_or_any(needed, excluded, optional, message):
    pattern = " ".join([*needed, *(f"-{word}" for word in excluded), *(f"?{word}" for word in optional)])
    expected = all(word in message for word in needed) and not any(word in message for word in excluded)
    if optional and not needed and not excluded:
        expected = any(word in message for word in optional)
    assert matches(pattern, message) == expected


dialect = st.recursive(
    st.sampled_from(["a", "b", "1", ":", ".", "\\d", "\\w", "\\S", "\\x41", "[ab]", "[^a]", "[a-c1]", "[\\d_]", "\\."]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(st.sampled_from(["a", "[ab]", "\\d", "."]), st.sampled_from("*+?")).map("".join),
        st.tuples(inner, inner).map("|".join),
    ),
    max_leaves=6,
)


@given(dialect, st.text("abcA1:. _", max_size=8))
def test_regular_expressions_find_what_pythons_find(text, message):
    expression = pattern_regex.engine_expression(text)
    assert pattern_regex.select(expression, [message]) == [re.search(text, message, re.ASCII) is not None]


def glob_matches(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return glob_matches(pattern[1:], text) or (bool(text) and glob_matches(pattern, text[1:]))
    return bool(text) and text[0] == pattern[0] and glob_matches(pattern[1:], text[1:])


@given(st.text("ab*", min_size=1, max_size=7), st.text("ab", max_size=7))
@example("a*b*a", "aba")
@example("*ab", "aab")
def test_stars_stand_for_any_run_of_characters(pattern, text):
    assert comparison("=", f'"{pattern}"').holds(text, None, {}) == glob_matches(pattern, text)


scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "ab", "3", ""]))


@given(st.dictionaries(st.sampled_from("xyz"), scalars), st.sampled_from("xyz"), st.integers(-5, 5))
def test_numbers_are_compared_as_numbers(document, name, constant):
    value = document.get(name)
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    for operator, expected in (
        (">", number is not None and number > constant),
        ("<=", number is not None and number <= constant),
    ):
        assert matches(f"{{ $.{name} {operator} {constant} }}", json.dumps(document)) == expected


leaves = st.tuples(st.sampled_from("xyz"), st.sampled_from(["=", "<", ">="]), st.integers(0, 2))
trees = st.recursive(leaves, lambda inner: st.tuples(st.sampled_from(["&&", "||"]), inner, inner), max_leaves=8)


def holds(tree, document):
    if tree[0] in {"&&", "||"}:
        return (all if tree[0] == "&&" else any)(holds(part, document) for part in tree[1:])
    name, operator, constant = tree
    value = document.get(name)
    return value is not None and {"=": value == constant, "<": value < constant, ">=": value >= constant}[operator]


def written(tree, inside=""):
    """The tree with as few parentheses as its meaning needs: && binds tighter."""
    if tree[0] in {"&&", "||"}:
        text = f" {tree[0]} ".join(written(part, tree[0]) for part in tree[1:])
        return f"({text})" if inside == "&&" and tree[0] == "||" else text
    return f"$.{tree[0]} {tree[1]} {tree[2]}"


@given(trees, st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)))
def test_conditions_bind_as_documented(tree, document):
    assert matches(f"{{ {written(tree)} }}", json.dumps(document)) == holds(tree, document)


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "ERRORCODE: 400", True),
        ("error", "[ERROR 400] BAD REQUEST", False),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", False),
        ("?ERROR ?ARGUMENTS", "[INFO] ARGUMENTS", True),
        ("?ERROR ?ARGUMENTS", "[INFO] nothing", False),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "SERVER ERROR INTERNAL", False),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", True),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", False),
        ('-"not this"', "but that", True),
        ("%ERR.R [4]\\d\\d%".replace(" ", "\\x20"), "an ERROR 404", True),
        ("%4\\d{2}%", "a 40", False),
        ('"say \\"hi\\""', 'they say "hi"', True),
        ("été", "un été", True),
    ],
)
def test_terms(pattern, message, expected):
    assert matches(pattern, message) == expected


@pytest.mark.parametrize("pattern", ["?A B", "B ?A", "?A -C B"])
def test_question_marks_are_ignored_beside_plain_terms(pattern):
    assert matches(pattern, "only B")
    assert not matches(pattern, "only A")


@pytest.mark.parametrize(("pattern", "sign"), [("?Status: timeout", ":"), ("(x", "("), ("a,b", ","), ("`x`", "`")])
def test_a_sign_outside_quotes_is_refused_in_cloudwatchs_words(pattern, sign):
    # Words of the real service, as its users quote them.
    with pytest.raises(Refused, match=re.escape(f"Invalid character(s) in term '{sign}'")):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "text", ["%(a)%", "%a!%", "%é%", "%*a%", "%[a%", "%a{x}%", "%\\q%", "%a{1,99999}{9}%", "%[b-a]%", "%\\x4%"]
)
def test_what_the_dialect_lacks_is_refused(text):
    with pytest.raises(Refused):
        compile_pattern(text)


def test_a_pattern_has_at_most_1024_characters_and_two_regular_expressions():
    compile_pattern("a" * 1024)
    with pytest.raises(Refused, match="1024"):
        compile_pattern("a" * 1025)
    compile_pattern("%a% %b%")
    with pytest.raises(Refused, match="at most 2"):
        compile_pattern("%a% %b% %c%")


def test_no_expression_takes_more_than_linear_time():
    assert not matches("%" + "a*" * 100 + "b%", "a" * 20_000)


# --- JSON -------------------------------------------------------------------------------------------------------------

EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "cluster.name": "c",
    "bandwidth": 0.001,
    "status": 404,
    "ThisFlag": True,
    "user": {"id": "1", "roles": {"admin": False}},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.eventType = Update* }", True),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.objectList[*].id > 2 }", False),
        ("{ $.* = UpdateTrail }", True),
        ('{ $.["cluster.name"] = "c" }', True),
        ("{ $.['cluster.name'] = c }", True),
        ("{ $['cluster.name'] = c }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.Missing IS NULL }", False),
        ("{ $.Missing NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.user.roles.admin IS FALSE }", True),
        ("{ $.status IS TRUE }", False),
        ("{ $.bandwidth = 1e-3 }", True),
        ("{ $.bandwidth < 2E-3 }", True),
        ("{ $.status = 4* }", True),
        ("{ $.status >= 400 && $.status < 500 }", True),
        ("{ $.eventType < 5 }", False),
        ("{ ($.user.id = 1) && ($.status = 500 || $.status = 404) }", True),
        ("{ $.user.id = 1 && $.status = 500 || $.ThisFlag IS TRUE }", True),
        ("{ $.user.id = 1 && ($.status = 500 || $.ThisFlag IS FALSE) }", False),
        ("{ $.eventType = %Trail$% }", True),
        ("{ $.sourceIPAddress = %1{3}\\.1% }", True),
        ("{ $.Missing = 1 }", False),
        ("{ $.Missing != 1 }", False),
    ],
)
def test_json_selectors(pattern, expected):
    assert matches(pattern, json.dumps(EVENT)) == expected


def test_a_message_that_is_no_json_object_never_matches_a_json_pattern():
    for message in ("eventType", "[1]", '"a"', "{", '{"a":1} x', ""):
        assert not matches("{ $.a NOT EXISTS }", message)


@pytest.mark.parametrize(
    "pattern",
    ["{", "{}", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a > x }", "{ $.a == 1 }",
     '{ $."sc-status" = 5 }', "{ $.a = 1 $.b = 2 }", "{" + "(" * 50 + "$.a = 1" + ")" * 50 + "}"],
)  # fmt: skip
def test_malformed_json_patterns_are_refused(pattern):
    with pytest.raises(Refused):
        compile_pattern(pattern)


# --- fields -----------------------------------------------------------------------------------------------------------

LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 4*, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code]", False),
        ("[..., status_code = 4*, bytes > 1000]", True),
        ("[..., status_code = 5* || status_code = 404, bytes]", True),
        ("[..., status_code = 4* && status_code != 404, bytes]", False),
        ("[ip, ..., bytes <= 1533]", False),
        ("[ip != 127.0.0.1, ...]", False),
        ("[ip=%127\\.0\\.0\\.[1-9]%, ...]", True),
        ('[..., request="GET /index.html HTTP/1.0", status_code, bytes]', True),
        ("[a, b, c, d, e, f, g, h]", False),
    ],
)
def test_fields_between_spaces(pattern, expected):
    assert matches(pattern, LINE) == expected


def test_fields_are_extracted_by_name_or_by_number():
    found = compile_pattern("[ip, , ..., status, bytes]").extract(LINE)
    assert found == {
        "$ip": "127.0.0.1", "$2": "Prod", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700",
        "$5": "GET /index.html HTTP/1.0", "$status": "404", "$bytes": "1534",
    }  # fmt: skip


@pytest.mark.parametrize("pattern", ["[a", "[a=]", "[..., a, ...]", "[a=1 b=2]", "[a=1 && b=2]", "[a ! b]", "[a < x]"])
def test_malformed_field_patterns_are_refused(pattern):
    with pytest.raises(Refused):
        compile_pattern(pattern)
