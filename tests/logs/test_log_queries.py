"""Queries of the log service: started, waited for, stopped, forgotten; saved ones; fields of events."""

import json
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from watchpost.errors import Refused
from watchpost.logs.insights import evaluate
from watchpost.service.configuration import Configuration
from watchpost.service.logs import queries as log_queries
from watchpost.service.logs.logs import Logs


@pytest.fixture
def now(clock):
    return clock.now()


@pytest.fixture
def ms(clock):
    return int(clock.now().timestamp() * 1000)


@pytest.fixture
def filled(logs, now, ms):
    for name in ("a", "b"):
        for number in range(5):
            message = json.dumps({"n": number, "group": name})
            logs.put(name, "s", [(ms + number * 1000, message)], now, create=True)
    return logs


def finished(logs, id_):
    """The record of a query that has ended."""
    while (record := logs.queries.record(id_)).status in {"Scheduled", "Running"}:
        pass
    return record


def test_a_query_reads_several_groups_between_two_instants(filled, now, ms):
    id_ = filled.queries.start("fields @log, n | sort n, @log", ["a", "b"], ms + 1000, ms + 2999, None, now)
    record = finished(filled, id_)
    assert (record.status, record.matched, record.scanned) == ("Complete", 4, 4)
    rows = [dict(row) for row in filled.queries.rows(id_)]
    assert [(row["@log"], row["n"]) for row in rows] == [
        ("000000000000:a", "1"), ("000000000000:b", "1"), ("000000000000:a", "2"), ("000000000000:b", "2"),
    ]  # fmt: skip


def test_the_pointer_of_a_row_leads_to_its_event(filled, now, ms):
    id_ = filled.queries.start("filter n = 3", ["b"], ms, ms + 10_000, None, now)
    finished(filled, id_)
    [row] = filled.queries.rows(id_)
    event = filled.fields.event(dict(row)["@ptr"], ms)
    assert {name: event[name] for name in ("n", "group", "@logStream", "@timestamp")} == {
        "n": "3", "group": "b", "@logStream": "s", "@timestamp": str(ms + 3000),
    }  # fmt: skip


def test_a_pointer_to_nothing_is_refused(filled, now, ms):
    with pytest.raises(Refused, match="logRecordPointer"):
        filled.fields.event("nonsense", ms)
    id_ = filled.queries.start("limit 1", ["a"], ms, ms + 10_000, None, now)
    finished(filled, id_)
    filled.groups.delete_stream("a", "s", now, "me")
    with pytest.raises(Refused, match="not there any more"):
        filled.fields.event(dict(filled.queries.rows(id_)[0])["@ptr"], ms)


def test_a_malformed_query_never_starts(filled, now, ms):
    for text in ("nonsense", "fields 5m", "stats pct(a, 101)", "filter a = 'never' | fields count(*)"):
        with pytest.raises(Refused) as caught:
            filled.queries.start(text, ["a"], ms, ms, None, now)
        assert caught.value.fault == "MalformedQueryException"
    assert filled.queries.records(None, None, None, 10) == ([], None)


def test_a_query_over_an_unknown_group_is_refused_in_cloudwatchs_words(filled, now, ms):
    with pytest.raises(Refused, match="Log group 'c' does not exist for account ID '000000000000'") as caught:
        filled.queries.start("limit 1", ["a", "c"], ms, ms, None, now)
    assert caught.value.fault == "ResourceNotFoundException"


class Gate:
    """Lets a query run up to its first chunk and waits there."""

    def __init__(self, monkeypatch):
        self.reached, self.opened = Event(), Event()
        original = log_queries.LogQueries._chunks

        def chunks(queries, tx, record):
            for each in original(queries, tx, record):
                self.reached.set()
                self.opened.wait(10)
                yield each

        monkeypatch.setattr(log_queries.LogQueries, "_chunks", chunks)


@pytest.fixture
def gate(monkeypatch):
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


def test_a_query_that_is_stopped_is_cancelled(filled, gate, now, ms):
    id_ = filled.queries.start("limit 1", ["a", "b"], ms, ms + 10_000, None, now)
    gate.reached.wait(10)
    assert filled.queries.record(id_).status == "Running"
    filled.queries.stop(id_, now)
    gate.opened.set()
    filled.queries.close()
    assert (filled.queries.record(id_).status, filled.queries.rows(id_)) == ("Cancelled", [])
    with pytest.raises(Refused, match="already ended with status: Cancelled"):
        filled.queries.stop(id_, now)


def test_a_query_that_takes_too_long_times_out(filled, gate, clock, now, ms):
    id_ = filled.queries.start("limit 1", ["a"], ms, ms + 10_000, None, now)
    gate.reached.wait(10)
    clock.advance(log_queries.TIME_LIMIT.total_seconds() + 1)
    gate.opened.set()
    assert finished(filled, id_).status == "Timeout"


def test_a_query_that_the_server_left_running_has_failed_after_its_restart(filled, gate, store, clock, sinks, now, ms):
    id_ = filled.queries.start("limit 1", ["a"], ms, ms + 10_000, None, now)
    gate.reached.wait(10)
    reborn = Logs(store, clock, sinks, sinks, Configuration(Path("home")), lambda: "x", "server-1")
    other = Logs(store, clock, sinks, sinks, Configuration(Path("home")), lambda: "x", "server-2")
    assert reborn.queries.record(id_).status == "Failed"
    assert other.queries.record(id_).status == "Running"
    clock.advance(log_queries.TIME_LIMIT.total_seconds() + 61)
    assert other.queries.record(id_).status == "Failed"


def test_whatever_goes_wrong_inside_a_query_it_is_told_to_have_failed(filled, monkeypatch, now, ms):
    import structlog

    def fail(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(evaluate, "run", fail)
    with structlog.testing.capture_logs() as lines:
        id_ = filled.queries.start("limit 1", ["a"], ms, ms + 10_000, None, now)
        filled.queries.close()
    record = filled.queries.record(id_)
    assert (record.status, record.why) == ("Failed", "ZeroDivisionError: a bug")
    assert [line["event"] for line in lines] == ["log-query.fault"]


def test_queries_are_listed_newest_first_and_forgotten_after_a_day(filled, clock, now, ms):
    ids = []
    for group in ("a", "b", "a"):
        ids.append(filled.queries.start("limit 1", [group], ms, ms, None, clock.now()))
        finished(filled, ids[-1])
        clock.advance(1)
    first, token = filled.queries.records("a", "Complete", None, 1)
    rest, end = filled.queries.records("a", "Complete", token, 1)
    assert ([each.id for each in (*first, *rest)], end) == ([ids[2], ids[0]], None)
    filled.queries.forget(now + timedelta(days=1, milliseconds=1500))
    assert [each.id for each in filled.queries.records(None, None, None, 10)[0]] == [ids[2]]
    with pytest.raises(Refused, match="does not exist"):
        filled.queries.record(ids[0])


def test_saved_queries_are_put_changed_listed_and_deleted(logs, now):
    ids = [logs.library.put(None, name, "limit 1", ["g"], (), now, "me") for name in ("app/b", "app/a", "other")]
    assert logs.library.put(ids[0], "app/c", "limit 2", [], (("p", "1", None),), now, "me") == ids[0]
    first, token = logs.library.describe("app/", None, 1)
    rest, end = logs.library.describe("app/", token, 1)
    assert ([each.name for each in (*first, *rest)], end) == (["app/a", "app/c"], None)
    logs.library.delete(ids[1], now, "me")
    for action in (
        lambda: logs.library.delete(ids[1], now, "me"),
        lambda: logs.library.put("absent", "n", "limit 1", [], (), now, "me"),
    ):
        with pytest.raises(Refused, match="query definition does not exist"):
            action()


def test_fields_of_a_group_are_told_with_how_often_they_occur(logs, now, ms):
    messages = ['{"a": 1, "b": {"c": 2}}', '{"a": 1}', "plain", '{"a": null}']
    logs.put("g", "s", [(ms - 5, message) for message in messages], now, create=True)
    found = logs.fields.of_group("g", None, ms)
    assert {name: found.get(name) for name in ("a", "b.c", "@message", "c")} == {
        "a": 50, "b.c": 25, "@message": 100, "c": None,
    }  # fmt: skip
    assert logs.fields.of_group("g", ms - 3_600_000, ms) == {}


def test_a_check_tries_every_command():
    from watchpost.logs.insights.parser import parse

    evaluate.check(parse("filter a = 1 | parse @message 'x*' as y | stats count(*) as n by y | sort n | limit 3"))
    with pytest.raises(Refused, match="belong into stats"):
        evaluate.check(parse("stats count(*) as n | filter sum(n) > 1"))
