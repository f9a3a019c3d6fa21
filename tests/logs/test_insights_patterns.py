"""`pattern` and `unnest`: laws over any texts, and CloudWatch's documented examples."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.logs.blocks import Events
from watchpost.logs.insights.evaluate import run
from watchpost.logs.insights.parser import parse
from watchpost.logs.insights.patterns import FAMILY, patterns_of
from watchpost.logs.insights.table import Chunk

NOON = 1_782_907_200_000
LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds("{} user={} took {} ms".format, st.sampled_from(["INFO", "ERROR"]), st.text("abcde", max_size=3),
                  st.integers(0, 10**6)),
    ),
    max_size=40,
)  # fmt: skip


def chunk(messages):
    count = len(messages)
    times, places = np.arange(NOON, NOON + count), np.arange(count, dtype=np.int64)
    return Chunk("0:g", Events(times, times, np.ones(count, np.int64), places, ["s"] * count, list(messages)))


def ask(query, *batches):
    result = run(parse(query), [chunk(each) for each in batches], NOON / 1000)
    return [{name: value for name, value in row if name != "@ptr"} for row in result.rows]


def texts(messages):
    return [(each.text, each.count, each.level) for each in patterns_of(pl.Series(messages, dtype=pl.String))]


# --- pattern: laws


@given(LINES)
def test_every_text_belongs_to_one_pattern(lines):
    found = patterns_of(pl.Series(lines, dtype=pl.String))
    assert sum(each.count for each in found) == len(lines)
    assert len({each.text for each in found}) == len(found)


@given(LINES.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_neither_order_nor_chunks_matter(orders):
    lines, shuffled = orders
    assert texts(lines) == texts(shuffled)
    half = len(lines) // 2
    assert ask("pattern @message", lines) == ask("pattern @message", shuffled[:half], shuffled[half:])


@given(LINES, st.integers(2, 4))
def test_repeating_all_texts_changes_the_counts_only(lines, times):
    assert texts(lines * times) == [(text, count * times, level) for text, count, level in texts(lines)]


@given(st.lists(st.from_regex("[a-z]{3,9}", fullmatch=True), unique=True, min_size=FAMILY, max_size=20))
def test_a_word_that_takes_five_values_is_a_token(names):
    lines = [f"[WARN] user {name} is locked out" for name in names]
    assert texts(lines) == [("[WARN] user <Token-1> is locked out", len(names), "Warning")]
    assert len(texts(lines[: FAMILY - 1])) == FAMILY - 1


# --- pattern: examples


def test_the_documented_example_of_pattern_analysis():
    # CloudWatch Logs User Guide, "Pattern analysis".
    lines = [
        "2023-01-01 19:00:01 [INFO] Calling DynamoDB to store for resource id 12342342k124-12345",
        "2023-01-01 19:00:02 [INFO] Calling DynamoDB to store for resource id 324892398123-12345",
        "2023-01-01 19:00:03 [INFO] Calling DynamoDB to store for resource id 3ff231242342-12345",
    ]
    assert ask("pattern @message", lines) == [
        {
            "@pattern": "<Time-1> [INFO] Calling DynamoDB to store for resource id <ID-2>",
            "@ratio": "1",
            "@sampleCount": "3",
            "@severityLabel": "Info",
        }
    ]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("[INFO] Request time: 327 ms", "[INFO] Request time: <Number-1> ms"),
        ("took 3.5e-3s", "took <Number-1>s"),
        ("2026-11-21T05:00:00.123Z a", "<Time-1> a"),
        ("21/Nov/2026:05:00:00 +0000 a", "<Time-1> a"),
        ("Nov 21 05:00:00 host a", "<Time-1> host a"),
        ("from 10.0.0.7:8080", "from <IP-1>:<Number-2>"),
        ("id 6b8b4567-327b-23c6-643c-986966334873.", "id <ID-1>."),
        ("at 0x7ffee4", "at <ID-1>"),
        ('{"ms": 730, "path": "/score"}', '{"ms": <Number-1>, "path": "/score"}'),
        ("http2 p99 v1 résumé", "http2 p99 v1 résumé"),
        ("<Token-1> is what it says", "<Token-<Number-1>> is what it says"),
        ("", ""),
    ],
)
def test_what_varies_by_its_shape_becomes_a_token(line, pattern):
    assert [text for text, _, _ in texts([line])] == [pattern]


def test_levels_keep_patterns_apart_however_many_there_are():
    lines = [f"{level} disk full" for level in ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")]
    assert sorted(level for _, _, level in texts(lines)) == ["Debug", "Debug", "Error", "Error", "Info", "Warning"]


def test_patterns_can_be_filtered_sorted_and_limited_further():
    lines = ["GET /a 200"] * 3 + ["GET /b 500"] * 2 + ["started"]
    query = "filter @message like 'GET' | pattern @message | filter @ratio < 0.5 | sort @sampleCount desc | limit 1"
    assert ask(query, lines) == [{"@pattern": "GET /b <Number-1>", "@ratio": "0.4", "@sampleCount": "2"}]


def test_patterns_of_a_parsed_field():
    query = "parse @message 'user=*, *' as user, rest | pattern rest | display @pattern, @sampleCount"
    lines = ["user=a, step 1", "user=b, step 2", "no user"]
    assert ask(query, lines) == [{"@pattern": "step <Number-1>", "@sampleCount": "2"}]


def test_no_events_have_no_patterns():
    assert ask("filter @message = 'x' | pattern @message", ["a"]) == []


# --- unnest: laws

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


def shown(value):
    """What a value reads as."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@given(st.lists(st.lists(JSON, max_size=4), min_size=1, max_size=5))
def test_each_element_becomes_a_row(lists):
    messages = [json.dumps({"items": each, "n": n}) for n, each in enumerate(lists)]
    query = "fields jsonParse(@message) as js, n | unnest js.items into item | sort @timestamp asc | display n, item"
    wanted = [(str(n), shown(item)) for n, each in enumerate(lists) for item in each]
    assert [(row["n"], row.get("item")) for row in ask(query, messages)] == wanted


@given(JSON.filter(lambda value: not isinstance(value, list)))
def test_what_is_no_list_is_its_own_only_element(value):
    query = "fields jsonParse(@message) as js | unnest js.x into item | display item"
    assert [row.get("item") for row in ask(query, [json.dumps({"x": value})])] == [shown(value)]


# --- unnest: examples


def test_the_documented_examples_of_unnest():
    # CloudWatch Logs User Guide, "unnest".
    message = json.dumps({"events": [{"name": "exception"}, {"name": "user action"}]})
    query = "fields jsonParse(@message) as json_message | unnest json_message.events into event | display event.name"
    assert ask(query, [message]) == [{"event.name": "exception"}, {"event.name": "user action"}]
    accounts = json.dumps({"accounts": [{"type": "internal", "n": 1}, {"type": "external", "n": 2}]})
    query = "fields jsonParse(@message) as js | unnest js.accounts into account | "
    assert ask(query + 'filter account.type = "internal" | display account.n', [accounts]) == [{"account.n": "1"}]
    assert ask(query + "stats sum(account.n) as n by account.type | sort n desc", [accounts, accounts]) == [
        {"account.type": "external", "n": "4"},
        {"account.type": "internal", "n": "2"},
    ]


def test_elements_group_and_compare_by_what_they_read_as():
    query = "fields jsonParse(@message) as js | unnest js into one | filter one > 1 | stats count(*) as n by one"
    assert ask(query, ['[1, "2", 2, 3.5, "x"]']) == [{"one": "2", "n": "2"}, {"one": "3.5", "n": "1"}]


def test_lists_in_lists_are_unnested_one_after_the_other():
    query = "fields jsonParse(@message) as js | unnest js into row | unnest row.cells into cell | display cell"
    rows = ask(query, ['[{"cells": [1, 2]}, {"cells": []}, {"cells": ["a"]}]'])
    assert [row["cell"] for row in rows] == ["1", "2", "a"]


def test_a_row_without_the_field_stays_and_counts_once_as_matched():
    query = parse("fields jsonParse(@message) as js | unnest js.x into item")
    result = run(query, [chunk(["plain", '{"x": [1, 2]}'])], NOON / 1000)
    assert (len(result.rows), result.matched) == (3, 2)
