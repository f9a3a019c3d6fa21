"""Insights queries: against a plain Python reference on random events, and by CloudWatch's documentation."""

import json
import math
import re
import statistics
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.logs.blocks import EventKey, Events
from watchpost.logs.insights.evaluate import Stopped, pointer, run
from watchpost.logs.insights.functions import AGGREGATES, ARITY
from watchpost.logs.insights.natural import natural_key
from watchpost.logs.insights.parser import glob_expression, parse
from watchpost.logs.insights.periods import floor_instants
from watchpost.logs.insights.table import Chunk

NOON = 1_782_907_200_000
NOW = NOON / 1000 + 60


def chunk(messages, times=None, origin=1):
    count = len(messages)
    times = np.array(times if times is not None else range(NOON, NOON + count), np.int64)
    places = np.arange(count, dtype=np.int64)
    return Chunk("0:g", Events(times, times + 5, np.full(count, origin), places, ["s"] * count, list(messages)))


def ask(query, *chunks, **options):
    """The rows of a query, without pointers."""
    result = run(parse(query), [each if isinstance(each, Chunk) else chunk(each) for each in chunks], NOW, **options)
    return [{name: value for name, value in row if name != "@ptr"} for row in result.rows]


def one(expression, message="x"):
    """The text of an expression for one event; None if it is missing."""
    [row] = ask(f"fields {expression} as v", [message])
    return row.get("v")


# --- against a reference

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def number(text):
    return float(text) if text is not None and NUMBER.fullmatch(text) else None


def shown(value):
    """A number as Insights shows it."""
    return (
        None if value is None or not math.isfinite(value) else str(int(value)) if value == int(value) else repr(value)
    )


class Reference:
    """A slow, row by row reading of the documentation."""

    def __init__(self, document, place):
        self.fields = {
            name: text for name, text in ((n, self.text(v)) for n, v in document.items()) if text is not None
        }
        self.time = NOON + place

    @staticmethod
    def text(value):
        if value is None:
            return None
        return (
            {True: "1", False: "0"}[value]
            if isinstance(value, bool)
            else value
            if isinstance(value, str)
            else json.dumps(value)
        )

    def compare(self, name, operator, constant):
        text = self.fields.get(name)
        if operator == "!=":
            return not self.compare(name, "=", constant)
        if text is None:
            return False
        left, right = number(text), number(constant)
        if left is not None and right is not None:
            pair = left, right
        elif operator == "=" or (left is None and right is None):
            pair = text, constant
        else:
            return False
        return {"=": pair[0] == pair[1], "<": pair[0] < pair[1], ">=": pair[0] >= pair[1]}[operator]


values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b10", "b9", "2", "-1.50", "", "é"]),
    st.sampled_from([0.5, 1.5, -2.25, 1e3]),
)  # fmt: skip
documents = st.lists(st.dictionaries(st.sampled_from("xyz"), values), max_size=12)
constants = st.sampled_from(["a", "b9", "2", "1.5", "0", "", "-1.5"])


@settings(max_examples=80)
@given(
    documents,
    st.sampled_from("xyz"),
    st.sampled_from(["=", "!=", "<", ">="]),
    constants,
    st.booleans(),
    st.integers(1, 5),
)
def test_filters_keep_what_the_reference_keeps(documents, name, operator, constant, numeric, size):
    literal = constant if numeric and NUMBER.fullmatch(constant) else json.dumps(constant)
    messages = [json.dumps(document) for document in documents]
    pieces = [
        chunk(messages[at : at + size], range(NOON + at, NOON + min(at + size, len(messages))))
        for at in range(0, len(messages), size)
    ]
    kept = [n for n, document in enumerate(documents) if Reference(document, n).compare(name, operator, constant)]
    found = ask(f"fields toMillis(@timestamp) - {NOON} as n | filter {name} {operator} {literal} | sort n", *pieces)
    assert [int(row["n"]) for row in found] == kept
    inverse = ask(f"filter not ({name} {operator} {literal}) | stats count(*) as n", *pieces)
    assert int(inverse[0]["n"] if inverse else 0) == len(documents) - len(kept)


def percentile(values, percent):
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


@settings(max_examples=80)
@given(documents, st.integers(1, 5), st.sampled_from([1, 2, 3600_000]))
def test_stats_are_those_of_the_reference(documents, size, width):
    messages = [json.dumps(document) for document in documents]
    times = [NOON + n * width for n in range(len(messages))]
    pieces = [
        chunk(messages[at : at + size], times[at : at + size], origin=at + 1) for at in range(0, len(messages), size)
    ]
    query = (
        "stats count(*) as n, count(x) as c, count_distinct(x) as d, sum(x) as s, avg(x) as a, min(x) as lo, "
        "max(x) as hi, "
        "pct(x, 90) as p, stddev(x) as sd, earliest(x) as e, latest(x) as l, sortsFirst(x) as f, sortsLast(x) as g, "
        "sum(x) / count(*) as ratio by y, bin(1h) as b"
    )
    groups: dict = {}
    for place, document in enumerate(documents):
        row = Reference(document, place)
        groups.setdefault((row.fields.get("y"), times[place] // 3_600_000), []).append(row)
    found = {(row.get("y"), row["b"]): row for row in ask(query, *pieces)}
    assert len(found) == len(groups)
    for (y, hour), rows in groups.items():
        row = found[y, datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%d %H:%M:%S.000")]
        texts = [each.fields["x"] for each in rows if "x" in each.fields]
        numbers = sorted(each for each in map(number, texts) if each is not None)
        exact = {
            "n": str(len(rows)), "c": str(len(texts)), "d": str(len(set(texts))),
            "lo": shown(numbers[0]) if numbers else None, "hi": shown(numbers[-1]) if numbers else None,
            "e": texts[0] if texts else None, "l": texts[-1] if texts else None,
        }  # fmt: skip
        assert {name: row.get(name) for name in exact} == exact
        for name, rank in (("f", 0), ("g", -1)):
            ordered = sorted(map(natural_key, texts))
            assert (natural_key(row[name]) if name in row else None) == (ordered[rank] if ordered else None)
        approximate = {
            "s": sum(numbers), "a": statistics.fmean(numbers), "p": percentile(numbers, 90),
            "sd": statistics.pstdev(numbers), "ratio": sum(numbers) / len(rows),
        } if numbers else {}  # fmt: skip
        assert {name: float(row[name]) for name in ("s", "a", "p", "sd", "ratio") if name in row} == pytest.approx(
            approximate
        )


@given(st.lists(st.none() | st.text("ab019.-", max_size=5), max_size=10), st.booleans())
def test_sorting_follows_the_natural_order(texts, descending):
    messages = [json.dumps({} if text is None else {"x": text}) for text in texts]
    found = ask(f"fields x | sort x {'desc' if descending else 'asc'}", messages)
    keys = [natural_key(row.get("x")) for row in found]
    assert keys == sorted(map(natural_key, texts), reverse=descending)


@given(st.lists(st.text("ab*[]. ", min_size=1, max_size=3), min_size=2, max_size=4), st.text("ab*[]. ", max_size=10))
def test_a_glob_that_matches_rebuilds_the_text_it_matched(pieces, text):
    glob = "*".join(piece.replace("*", "") for piece in pieces)
    found = re.search(glob_expression(glob), text)
    if found is not None:
        groups = iter(found.groups())
        assert "".join(next(groups) if each == "*" else each for each in re.split(r"(\*)", glob)) == found[0]


@given(st.text(max_size=60) | st.text("fields stats by count(*)|@message like /a/ '\"[]=<>,.1m bin", max_size=60))
def test_every_text_is_a_query_that_runs_or_is_refused(text):
    try:
        query = parse(text)
        run(query, [chunk(['{"a": 1}', "x"])], NOW)
    except Refused as refusal:
        assert refusal.fault == "MalformedQueryException"  # noqa: PT017  most texts are refused, some run


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 4), st.integers(1, 12))
def test_the_newest_rows_come_first_whatever_the_chunks(offsets, size, limit):
    times = [NOON + offset for offset in offsets]
    pieces = [
        chunk([str(n) for n in range(at, min(at + size, len(times)))], times[at : at + size], origin=at + 1)
        for at in range(0, len(times), size)
    ]
    found = ask(f"fields @message | limit {limit}", *pieces)
    newest = sorted(range(len(times)), key=lambda n: (times[n], n), reverse=True)
    assert [int(row["@message"]) for row in found] == newest[:limit]


# --- commands


def test_without_fields_a_row_has_time_and_message():
    assert ask("filter @message like 'b'", ["a", "b"]) == [{"@timestamp": "2026-07-01 12:00:00.001", "@message": "b"}]


def test_every_row_of_events_has_a_pointer_and_no_row_of_stats():
    rows = run(parse("fields @message"), [chunk(["a"])], NOW).rows
    assert rows == ((("@message", "a"), ("@ptr", pointer("g", "s", EventKey(NOON, 1, 0)))),)
    assert run(parse("stats count(*)"), [chunk(["a"])], NOW).rows == ((("count(*)", "1"),),)


def test_system_fields():
    assert ask("fields @timestamp, @ingestionTime, @logStream, @log", ["a"]) == [
        {
            "@timestamp": "2026-07-01 12:00:00.000",
            "@ingestionTime": "2026-07-01 12:00:00.005",
            "@logStream": "s",
            "@log": "0:g",
        }
    ]


def test_display_replaces_the_columns_and_fields_add_to_them():
    message = '{"a": 1, "b": 2}'
    assert ask("fields a | fields b, a + b as c", [message]) == [{"a": "1", "b": "2", "c": "3"}]
    assert ask("fields a | display b", [message]) == [{"b": "2"}]


@pytest.mark.parametrize(
    ("message", "query", "expected"),
    [
        ("user=bob [x y]", 'parse @message "user=* [*]" as u, v', {"u": "bob", "v": "x y"}),
        ("user=bob [x y]", 'parse "user=*" as u', {"u": "bob [x y]"}),
        ("a=1, b=2", "parse @message /a=(?<a>\\d+).*b=(?<b>\\d+)/", {"a": "1", "b": "2"}),
        ("a=1", "parse @message /(x|a)=(?P<a>\\d+)(y)?/", {"a": "1"}),
        ("a=1", 'parse @message "zzz*" as z | display @message, z', {"@message": "a=1"}),
        ('{"t": "k:v"}', 'parse t "*:*" as k, v', {"k": "k", "v": "v"}),
    ],
)
def test_parse_takes_fields_out_of_texts(message, query, expected):
    assert ask(query, [message]) == [expected]


def test_dedup_keeps_the_newest_and_rows_without_the_field():
    messages = ['{"a": 1, "n": 1}', '{"a": 1, "n": 2}', '{"n": 3}', '{"n": 4}', '{"a": 2, "n": 5}']
    assert [row["n"] for row in ask("fields n | dedup a", messages)] == ["5", "4", "3", "2"]
    assert [row["n"] for row in ask("fields n | sort n asc | dedup a", messages)] == ["1", "3", "4", "5"]


def test_a_second_stats_aggregates_the_first():
    messages = [json.dumps({"s": "ab"[n % 3 == 0], "n": n}) for n in range(9)]
    found = ask("stats sum(n) as total by s | stats max(total) as most, count(*) as groups", messages)
    assert found == [{"most": "27", "groups": "2"}]


def test_columns_of_stats_are_asked_for_by_their_text():
    messages = [json.dumps({"s": s}) for s in "aabbbc"]
    found = ask("stats count(*) by s | filter count(*) > 1 | sort count(*) desc", messages)
    assert found == [{"s": "b", "count(*)": "3"}, {"s": "a", "count(*)": "2"}]


def test_comments_and_case_of_keywords_do_not_matter():
    query = (
        "FIELDS @message # all of it | not a command\n| Filter @message LIKE 'a' AND NOT @message like 'b' | LIMIT 1"
    )
    assert ask(query, ["a", "ab"]) == [{"@message": "a"}]


def test_a_limit_of_the_request_holds_where_the_query_has_none():
    assert len(ask("fields @message", list("abcdef"), limit=4)) == 4
    assert len(ask("fields @message | limit 5", list("abcdef"), limit=4)) == 5
    assert len(ask("fields @message", [str(n) for n in range(10_050)])) == 10_000


def test_what_was_scanned_and_matched_is_counted():
    result = run(parse("filter @message = 'a' | limit 1"), [chunk("aab"), chunk("ab")], NOW)
    assert (result.matched, result.scanned, result.bytes, len(result.rows)) == (3, 5, 5, 1)


def test_a_query_stops_when_told():
    with pytest.raises(Stopped):
        run(parse("fields @message"), [chunk("a")], NOW, stopped=lambda: True)


# --- discovered fields


def test_fields_are_discovered_in_json_messages():
    message = json.dumps({"a": {"b": [{"c": 1}, {"c": "x"}]}, "d.e": 5, "f": None, "g": True, "h-i": 7, "k": {}})
    query = "fields a.b.0.c as p, a.b.1.c as q, d.e, f, g, `h-i`, k, a"
    assert ask(query, [message]) == [{"p": "1", "q": "x", "d.e": "5", "g": "1", "h-i": "7"}]


def test_numbers_keep_the_text_they_have_in_the_message():
    messages = ['{"a": 1.50}', '{"a": 1e3}', '{"a": 123456789012345678901234567890}', '{"a": "1.50"}']
    assert [row["a"] for row in ask("fields a | sort @timestamp asc", messages)] == [
        "1.50", "1e3", "123456789012345678901234567890", "1.50",
    ]  # fmt: skip


def test_messages_that_are_no_json_do_not_hide_those_that_are():
    messages = ["plain", '{"a": 1}', "{broken", '{"a": 2}\n', '{\n"a": 3}', '[{"a": 4}]', ' {"a": 5}', '{"a": 6} x', ""]
    found = ask("fields a | filter ispresent(a) | sort a", messages)
    assert [row["a"] for row in found] == ["1", "2", "3", "5"]


def test_parsed_json_has_fields():
    message = json.dumps({"inner": json.dumps({"x": {"y": 3}})})
    assert ask("fields jsonParse(inner) as j | display j.x.y, jsonStringify(j) as t", [message]) == [
        {"j.x.y": "3", "t": '{"x": {"y": 3}}'}
    ]


# --- expressions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "-4"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("1 / 4", "0.25"),
        ("49 / 49", "1"),
        ("1 / 0", None),
        ("1 % 0", None),
        ("x + 1", None),
        ("abs(-3)", "3"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("greatest(1, 5, 3)", "5"),
        ("least(4, 2)", "2"),
        ("log(1)", "0"),
        ("sqrt(9)", "3"),
        ("sqrt(-1)", None),
        ("ispresent(@message)", "1"),
        ("ispresent(nothing)", "0"),
        ("coalesce(nothing, 'b')", "b"),
        ("isempty('')", "1"),
        ("isempty(nothing)", "1"),
        ("isblank('  ')", "1"),
        ("isblank('a')", "0"),
        ("concat('a', nothing, 1)", "a1"),
        ("ltrim('  a ')", "a "),
        ("rtrim('xxayy', 'y')", "xxa"),
        ("trim(' a ')", "a"),
        ("strlen('é1')", "2"),
        ("toupper('aé')", "AÉ"),
        ("tolower('AÉ')", "aé"),
        ("substr('hello', 1)", "ello"),
        ("substr('hello', 1, 3)", "ell"),
        ("replace('a.b.c', '.', '-')", "a-b-c"),
        ("strcontains('abc', 'b')", "1"),
        ("strcontains('abc', 'x')", "0"),
        ("fromMillis(0)", "1970-01-01 00:00:00.000"),
        ("toMillis(@timestamp)", str(NOON)),
        ("now()", str(int(NOW))),
        ("datefloor(@timestamp, 1d)", "2026-07-01 00:00:00.000"),
        ("dateceil(@timestamp, 1d)", "2026-07-02 00:00:00.000"),
        ("dateceil(@timestamp, 1h)", "2026-07-01 12:00:00.000"),
        ("bin(1mo)", "2026-07-01 00:00:00.000"),
        ("datefloor(@timestamp, 1y)", "2026-01-01 00:00:00.000"),
        ("datefloor(@timestamp, 1q)", "2026-07-01 00:00:00.000"),
        ("datefloor(@timestamp, 1w)", "2026-06-29 00:00:00.000"),
        ("isValidIp('1.2.3.4')", "1"),
        ("isValidIpV4('::1')", "0"),
        ("isValidIpV6('::1')", "1"),
        ("isValidIp('1.2.3')", "0"),
        ("isIpInSubnet('10.1.2.3', '10.0.0.0/8')", "1"),
        ("isIpv4InSubnet('::1', '::/0')", "0"),
        ("isIpv6InSubnet('2001:db8::1', '2001:db8::/32')", "1"),
        ("isIpInSubnet('10.1.2.3', 'nonsense')", "0"),
        ("'b' in ['a', 'b']", "1"),
        ("2 in [1, 3]", "0"),
        ("2 not in [1, 3]", "1"),
        ("'abc' like 'b'", "1"),
        ("'abc' not like 'b'", "0"),
        ("'abc' like /^a.c$/", "1"),
        ("'abc' =~ /(?i)B/", "1"),
        ("nothing like 'b'", "0"),
        ("1 = 1 and 2 > 1 or 1 = 2", "1"),
        ("not 1 = 2", "1"),
        ("'2' = 2.0", "1"),
        ("'b' > 'a'", "1"),
        ("'b' > 1", "0"),
        ("true", "1"),
        ("jsonStringify('a')", '"a"'),
    ],
)
def test_expressions(expression, expected):
    assert one(expression) == expected


@given(st.integers(0, 4 * 10**12), st.integers(1, 60), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_bins_start_at_whole_multiples(instant, count, unit):
    import polars as pl

    length = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[unit] * min(
        count, 24 if unit == "h" else 60
    )
    whole = instant // length * length
    assert floor_instants(pl.Series([float(whole)] * 3), count, unit).to_list() == [whole] * 3
    assert floor_instants(pl.Series([float(instant)]), count, unit).to_list() == [instant // length * length]


@pytest.mark.parametrize(("asked", "used"), [("300s", "60s"), ("90m", "60m"), ("48h", "24h")])
def test_a_period_beyond_its_units_cap_counts_as_the_cap(asked, used):
    assert one(f"bin({asked})") == one(f"bin({used})")


# --- refusals


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pattern", "unexpected end of query"),
        ("pattern @message | diff", "the command diff is not supported here"),
        ("anomaly", "the command anomaly is not supported here"),
        ("lookup t a AS b OUTPUT c", "the command lookup is not supported here"),
        ("fields @message | diff", "diff is not supported"),
        ("unnest abs(x) into y", "unnest needs a field"),
        ("unnest x as y", "into expected"),
        ("anomaly x", "anomaly is not supported"),
        ("lookup t", "lookup is not supported"),
        ("unmask @message", "unmask is not supported"),
        ("filterIndex a = 1", "filterindex is not supported"),
        ("SOURCE 'g'", "source is not supported"),
        ("nonsense", "a command expected"),
        ("fields", "unexpected end of query"),
        ("fields a b", "'\\|' expected"),
        ("fields nosuch(a)", "unknown function nosuch"),
        ("fields abs(a, b)", "does not take 2 arguments"),
        ("filter a like b", "needs a text in quotes"),
        ("filter a like /(/", "regular expression"),
        ("filter a like /(?=x)/", "regular expression"),
        ("filter a = 'x", "unexpected symbol found '"),
        ("stats a by b", "neither aggregated nor grouped"),
        ("stats sum(max(a))", "inside an aggregate"),
        ("stats count(*) by sum(a)", "cannot be grouped by"),
        ("stats pct(a, 101)", "from 0 to 100"),
        ("fields count(*)", "belong into stats"),
        ("stats count(*) | stats count(*) | stats count(*)", "at most two stats"),
        ("limit 0", "from 1 to 100000"),
        ("limit 1.5", "whole number"),
        ("parse @message '*' as a, b", "1 wildcards and 2 names"),
        ("parse @message /a/", "named groups"),
        ("fields 5m", "a period such as 5m"),
        ("fields " + "(" * 60 + "1" + ")" * 60, "nests deeper"),
        ("fields " + "not " * 20_000 + "1", "longer than 10000"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(query, words):
    with pytest.raises(Refused, match=words) as caught:
        ask(query, ["x"])
    assert caught.value.fault == "MalformedQueryException"
    assert caught.value.members["queryCompileError"]["message"] == caught.value.message


class Random:
    """Random expressions of every function over awkward values."""

    constants = (
        "1", "0", "-1", "1e308", "9e15", "'a'", "''", "'é'", "x", "y", "@timestamp", "@message", "nothing",
        "'10.0.0.0/8'", "253402300800000", "'*'", "'(['", "1e19", "'{\"a\":[1]}'",
    )  # fmt: skip
    periods = ("1ms", "5m", "24h", "7d", "2w", "3mo", "1q", "1000y", "999999999mo", "99999999999d")
    messages = (
        '{"x":1,"y":"a"}', '{"x":"b","y":1e400}', '{"x":{"a":1},"y":[1,2]}', "plain", "", '{"x":null}',
        '{"x":-0.0,"y":99999999999999999999}', '{"x":"253402300799999"}',
    )  # fmt: skip

    def __init__(self, chance):
        self.chance = chance

    def expression(self, depth=3):
        pick = self.chance.choice
        if depth == 0 or self.chance.random() < 0.2:
            return pick(self.constants)
        inner = [self.expression(depth - 1) for _ in range(3)]
        match self.chance.randrange(4):
            case 0:
                return f"({inner[0]} {pick(['+', '-', '*', '/', '^', '%', '=', '!=', '<', 'and', 'or'])} {inner[1]})"
            case 1:
                return f"({inner[0]} {pick(['like /a.*/', 'not like /[0-9]$/', f'in [{inner[1]}, {inner[2]}]'])})"
            case _:
                name = pick(sorted(ARITY))
                if name in {"bin", "datefloor", "dateceil"}:
                    return f"{name}({'' if name == 'bin' else inner[0] + ', '}{pick(self.periods)})"
                return f"{name}({', '.join(inner[: self.chance.randint(*ARITY[name]) if ARITY[name][1] < 4 else 2])})"

    def aggregate(self):
        name = self.chance.choice(sorted(AGGREGATES))
        return f"{name}({self.expression(2)}{', 99.9' if AGGREGATES[name][0] == 2 else ''})"

    def query(self):
        e, a = self.expression, self.aggregate
        return self.chance.choice(
            [
                lambda: f"fields {e()} as v | filter {e()} | sort v",
                lambda: f"stats {a()} as a, {a()} as b by {e()} as g | sort a desc | filter {e()}",
                lambda: f"fields {e()} as x | dedup x, y | parse x '*a*' as p, q | stats {a()}, {a()} / 2",
                lambda: f"stats {a()} as x, latest(y) as y | stats {a()} as z by y",
            ]
        )()


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(Random.messages), min_size=1, max_size=5))
def test_every_function_takes_every_value_and_chunks_make_no_difference(chance, messages):
    query = Random(chance).query()
    times = [0, 1, NOON, NOON, 10**13][: len(messages)]
    whole = ask(query, chunk(messages, times))
    parts = ask(
        query,
        *(chunk([message], [time], origin=n) for n, (message, time) in enumerate(zip(messages, times, strict=True))),
    )
    assert sorted(map(repr, whole)) == sorted(map(repr, parts))
