"""The log service over a real store: what goes in comes out, once, whatever happens between."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.logs.filter_pattern import compile_pattern
from watchpost.logs.metric_filter import MetricFilter, Transformation
from watchpost.logs.records import SubscriptionFilter
from watchpost.stores.open import open_store

DAY = 86_400_000
TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
STRANGER = "arn:aws:sns:us-east-1:000000000000:stranger"


@pytest.fixture
def now(clock):
    return clock.now()


@pytest.fixture
def ms(clock):
    return int(clock.now().timestamp() * 1000)


@pytest.fixture
def group(logs, now):
    logs.groups.create("g", now, "me")
    logs.groups.create_stream("g", "s", now, "me")
    return "g"


def everything(logs, ms, **options):
    """All events of a group, page after page, and how many pages that took."""
    found, token, pages = [], None, 0
    while True:
        page = logs.events.filter("g", options.get("pattern"), ms, token=token, **options.get("where", {}))
        found += [
            (page.events.key(n), page.events.streams[n], page.events.messages[n]) for n in range(len(page.events))
        ]
        token, pages = page.token, pages + 1
        if token is None:
            return found, pages


# --- laws -------------------------------------------------------------------------------------------------------------

puts = st.lists(
    st.tuples(st.sampled_from("xyz"), st.lists(st.integers(-50, 0), min_size=1, max_size=5).map(sorted)), max_size=12
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(puts, st.integers(1, 7), st.booleans(), st.booleans())
def test_pages_give_every_event_once_in_order(logs, clock, ms, puts, limit, merged, from_head):
    name = "g"
    with suppress(Refused):
        logs.groups.delete(name, clock.now(), "me")
    sent = []
    for number, (stream, times) in enumerate(puts):
        logs.put(name, stream, [(ms + t, f"{number}.{n}") for n, t in enumerate(times)], clock.now(), create=True)
        sent += [(ms + t, number, n, stream) for n, t in enumerate(times)]
    if not puts:
        logs.groups.create(name, clock.now(), "me")
    if merged:
        merge_all(logs)
    found, _ = everything(logs, ms, where={"limit": limit, "from_head": from_head})
    expected = [(stream, f"{number}.{n}") for _, number, n, stream in sorted(sent, reverse=not from_head)]
    assert [(stream, message) for _, stream, message in found] == expected
    for stream in {stream for stream, _ in puts}:
        own = [(t, f"{number}.{n}") for t, number, n, s in sorted(sent) if s == stream]
        assert walked(logs, stream, ms, limit, forward=True) == own
        assert walked(logs, stream, ms, limit, forward=False)[::-1] == own


def walked(logs, stream, ms, limit, *, forward):
    """All events of a stream, walked page by page until the same token comes back."""
    found, token = [], None
    while True:
        page = logs.events.stream("g", stream, ms, token=token, from_head=forward, limit=limit)
        rows = list(zip(page.events.timestamps.tolist(), page.events.messages, strict=True))
        found += rows if forward else rows[::-1]
        following = f"f/{page.forward.text()}" if forward else f"b/{page.backward.text()}"
        if following == token:
            return found
        token = following


def merge_all(logs):
    while logs.upkeep.merge(least=2):
        pass


def test_merging_changes_no_answer(logs, group, now, ms):
    for number in range(120):
        logs.put("g", "s", [(ms - number % 7, f"event {number}")], now + timedelta(milliseconds=number))
    before, _ = everything(logs, ms)
    summary = logs.groups.streams("g", now).streams
    assert logs.upkeep.merge() == 120
    assert everything(logs, ms)[0] == before
    assert logs.groups.streams("g", now).streams == summary
    assert logs.upkeep.merge() == 0


def test_tokens_lead_back_and_forth_over_the_same_events(logs, group, now, ms):
    logs.put("g", "s", [(ms + n, str(n)) for n in range(10)], now)
    last = logs.events.stream("g", "s", ms, limit=3)
    assert list(last.events.messages) == ["7", "8", "9"]
    before = logs.events.stream("g", "s", ms, limit=3, token=f"b/{last.backward.text()}")
    assert list(before.events.messages) == ["4", "5", "6"]
    again = logs.events.stream("g", "s", ms, limit=3, token=f"f/{before.forward.text()}")
    assert again.events.messages == last.events.messages
    end = logs.events.stream("g", "s", ms, token=f"f/{last.forward.text()}")
    assert (len(end.events), end.forward) == (0, last.forward)
    assert list(logs.events.stream("g", "s", ms, limit=2, token=f"b/{end.backward.text()}").events.messages) == [
        "8",
        "9",
    ]


def test_a_reader_that_waits_at_the_end_gets_what_comes_next(logs, group, now, ms):
    start = logs.events.stream("g", "s", ms, from_head=True)
    assert len(start.events) == 0
    logs.put("g", "s", [(ms, "first")], now)
    page = logs.events.stream("g", "s", ms, token=f"f/{start.forward.text()}")
    assert list(page.events.messages) == ["first"]
    logs.put("g", "s", [(ms, "second, at the same millisecond")], now)
    page = logs.events.stream("g", "s", ms, token=f"f/{page.forward.text()}")
    assert list(page.events.messages) == ["second, at the same millisecond"]


def test_a_page_holds_at_most_a_megabyte_but_always_an_event(logs, group, now, ms):
    for number in range(3):
        logs.put("g", "s", [(ms + number, str(number) * 700_000)], now)
    found, pages = everything(logs, ms)
    assert ([message[0] for _, _, message in found], pages) == (["0", "1", "2"], 3)


@pytest.mark.parametrize("token", ["", "x", "f/", "f/12", "f/" + "9" * 56, "q/" + "0" * 56])
def test_a_token_that_is_none_is_refused(logs, group, ms, token):
    with pytest.raises(Refused, match="The specified nextToken is invalid"):
        logs.events.stream("g", "s", ms, token=token)
    with pytest.raises(Refused, match="The specified nextToken is invalid"):
        logs.events.filter("g", None, ms, token=token)


def test_times_of_a_stream_end_exclusive_and_of_a_group_inclusive(logs, group, now, ms):
    logs.put("g", "s", [(ms + n, str(n)) for n in range(5)], now)
    assert list(logs.events.stream("g", "s", ms, start=ms + 1, end=ms + 3).events.messages) == ["1", "2"]
    assert list(logs.events.filter("g", None, ms, start=ms + 1, end=ms + 3).events.messages) == ["1", "2", "3"]


def test_streams_are_chosen_by_name_or_prefix(logs, group, now, ms):
    for stream in ("web-1", "web-2", "Web-3", "db"):
        logs.put("g", stream, [(ms, stream)], now, create=True)
    where = {"streams": ["db", "web-1"]}
    assert {stream for _, stream, _ in everything(logs, ms, where=where)[0]} == {"db", "web-1"}
    assert {stream for _, stream, _ in everything(logs, ms, where={"prefix": "web"})[0]} == {"web-1", "web-2"}
    with pytest.raises(Refused, match="The specified log stream does not exist"):
        logs.events.filter("g", None, ms, streams=["absent"])


def test_a_pattern_selects_events(logs, group, now, ms):
    logs.put("g", "s", [(ms, "an ERROR"), (ms, "fine"), (ms, "another ERROR")], now)
    found, _ = everything(logs, ms, pattern=compile_pattern("ERROR"))
    assert [message for _, _, message in found] == ["an ERROR", "another ERROR"]


# --- what is taken ----------------------------------------------------------------------------------------------------


def test_events_out_of_order_are_refused_whole(logs, group, now, ms):
    with pytest.raises(Refused, match="must be in chronological order"):
        logs.put("g", "s", [(ms, "b"), (ms - 1, "a")], now)
    assert everything(logs, ms)[0] == []


def test_a_batch_counts_utf8_bytes_and_26_for_each_event(logs, group, now, ms):
    logs.put("g", "s", [(ms, "é" * ((1_048_576 - 26) // 2))], now)
    with pytest.raises(Refused, match="Upload too large: 1048577 bytes exceeds limit of 1048576"):
        logs.put("g", "s", [(ms, "x" * (1_048_576 - 25))], now)


def test_a_batch_spans_at_most_a_day(logs, group, now, ms):
    logs.put("g", "s", [(ms - DAY, "a"), (ms, "b")], now)
    with pytest.raises(Refused, match="cannot span more than 24 hours"):
        logs.put("g", "s", [(ms - DAY - 1, "a"), (ms, "b")], now)


def test_too_old_and_too_new_events_are_rejected_singly(logs, group, now, ms):
    events = [
        (ms - 15 * DAY, "old"),
        (ms - 14 * DAY - 1, "old"),
        (ms, "a"),
        (ms + 7_200_000, "b"),
        (ms + 7_200_001, "new"),
    ]
    put = logs.put("g", "s", events, now)
    assert (put.rejected.too_old_end, put.rejected.too_new_start, put.rejected.expired_end) == (2, 4, None)
    assert [message for _, _, message in everything(logs, ms)[0]] == ["a", "b"]


def test_expired_events_are_rejected_and_stored_ones_vanish(logs, group, now, ms, clock):
    logs.put("g", "s", [(ms - 2 * DAY, "two days old")], now)
    logs.put("g", "s", [(ms - 1, "young")], now)
    logs.groups.retain("g", 1, now, "me")
    assert logs.put("g", "s", [(ms - DAY - 1, "x"), (ms, "now")], now).rejected.expired_end == 1
    assert [message for _, _, message in everything(logs, ms)[0]] == ["young", "now"]
    later = now + timedelta(days=2)
    assert everything(logs, ms + 2 * DAY)[0] == []
    assert logs.upkeep.expire(later) == 3
    assert logs.groups.streams("g", later).streams[0][1] is None


def test_halves_of_surrogate_pairs_do_no_harm(logs, group, now, ms):
    logs.put("g", "s", [(ms, "a\ud800b"), (ms, "\x00")], now)
    assert [message for _, _, message in everything(logs, ms)[0]] == ["a?b", "\x00"]


def test_unknown_groups_and_streams_are_refused(logs, group, now, ms):
    with pytest.raises(Refused, match=r"The specified log group does not exist\."):
        logs.put("absent", "s", [(ms, "x")], now)
    with pytest.raises(Refused, match=r"The specified log stream does not exist\."):
        logs.put("g", "absent", [(ms, "x")], now)


# --- groups and streams -----------------------------------------------------------------------------------------------


def test_a_group_deleted_and_made_again_is_empty(logs, group, now, ms):
    logs.put("g", "s", [(ms, "x")], now)
    logs.groups.delete("g", now, "me")
    with pytest.raises(Refused):
        logs.put("g", "s", [(ms, "x")], now)
    logs.groups.create("g", now, "me")
    logs.groups.create_stream("g", "s", now, "me")
    assert everything(logs, ms)[0] == []


def test_a_protected_group_is_not_deleted(logs, now):
    logs.groups.create("p", now, "me", protected=True)
    with pytest.raises(Refused, match="protected"):
        logs.groups.delete("p", now, "me")


def test_groups_and_streams_are_made_once(logs, group, now):
    with pytest.raises(Refused, match="The specified log group already exists"):
        logs.groups.create("g", now, "me")
    with pytest.raises(Refused, match="The specified log stream already exists"):
        logs.groups.create_stream("g", "s", now, "me")


def test_groups_are_listed_page_by_page(logs, now):
    for number in range(7):
        logs.groups.create(f"app/{number}", now, "me")
    logs.groups.create("other", now, "me")
    found, token = [], None
    while True:
        page = logs.groups.describe(lambda group: group.name != "app/3", "app/", token, 2)
        found += [each.name for each, _ in page.groups]
        if (token := page.token) is None:
            break
    assert found == [f"app/{number}" for number in (0, 1, 2, 4, 5, 6)]


@pytest.mark.parametrize("by_last_event", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_streams_are_listed_page_by_page(logs, group, now, ms, by_last_event, descending):
    for number in range(6):
        logs.put("g", f"n{number}", [(ms - number * 7 % 4, "x")], now, create=True)
    found, token = [], None
    while True:
        page = logs.groups.streams("g", now, by_last_event=by_last_event, descending=descending, token=token, limit=2)
        found += page.streams
        if (token := page.token) is None:
            break
    expected = sorted(found, key=lambda each: (each[1].last if by_last_event and each[1] else 0, each[0].name))
    assert found == (expected[::-1] if descending else expected)
    assert len(found) == 7


def test_every_change_is_in_the_journal(logs, group, store, now):
    logs.groups.retain("g", 7, now, "me")
    logs.groups.tag("g", {"a": "b"}, now, "me")
    logs.filters.put_metric_filter(MetricFilter("g", "f", "", Transformation("n", "m", "1"), 0), now, "me")
    logs.groups.delete("g", now, "me")
    kinds = [line.entry.kind for line in store.read(lambda tx: tx.journal())]
    assert kinds[::-1] == [
        "log-group.created", "log-stream.created", "log-group.retention-changed", "log-group.tagged",
        "metric-filter.put", "log-group.deleted",
    ]  # fmt: skip


# --- filters ----------------------------------------------------------------------------------------------------------


def metric_filter(pattern="ERROR", default=None, name="f"):
    return MetricFilter("g", name, pattern, Transformation("app", "errors", "1", default), 0)


def test_metric_filters_and_embedded_metrics_see_what_is_put(logs, group, sinks, now, ms):
    logs.put("g", "s", [(ms, "ERROR before the filter")], now)
    logs.filters.put_metric_filter(metric_filter(), now, "me")
    embedded = {
        "_aws": {"Timestamp": ms, "CloudWatchMetrics": [{"Namespace": "n", "Metrics": [{"Name": "m"}]}]}, "m": 3,
    }  # fmt: skip
    broken = {**embedded, "m": "three"}
    logs.put("g", "s", [(ms, "ERROR"), (ms, json.dumps(embedded)), (ms, json.dumps(broken))], now)
    assert [(datum.metric.name, datum.values) for datum in sinks.data] == [
        ("errors", (1.0,)), ("m", (3.0,)), ("EMFValidationErrors", (1.0,)),
    ]  # fmt: skip


def test_a_filter_that_changes_counts_from_then_on(logs, group, sinks, now, ms):
    logs.filters.put_metric_filter(metric_filter("ERROR"), now, "me")
    logs.put("g", "s", [(ms, "ERROR")], now)
    logs.filters.put_metric_filter(metric_filter("WARN"), now, "me")
    logs.put("g", "s", [(ms, "ERROR WARN"), (ms, "ERROR")], now)
    logs.filters.delete_metric_filter("g", "f", now, "me")
    logs.put("g", "s", [(ms, "WARN")], now)
    assert len(sinks.data) == 2


def test_events_are_not_taken_when_their_metric_cannot_be_written(logs, group, sinks, now, ms):
    logs.filters.put_metric_filter(metric_filter(), now, "me")
    sinks.fault = Refused("InternalFailure", "no")
    with pytest.raises(Refused, match="no"):
        logs.put("g", "s", [(ms, "ERROR")], now)
    assert everything(logs, ms)[0] == []


def test_default_values_are_reported_once_for_minutes_without_a_match(logs, group, sinks, now, ms):
    logs.filters.put_metric_filter(metric_filter(default=0.0), now, "me")
    minute = ms // 1000
    logs.put("g", "s", [(ms, "fine"), (ms + 60_000, "fine"), (ms + 120_000, "fine")], now)
    logs.put("g", "s", [(ms + 61_000, "ERROR")], now)
    assert logs.upkeep.report_quiet_minutes(now + timedelta(seconds=59)) == 0
    assert logs.upkeep.report_quiet_minutes(now + timedelta(seconds=120)) == 1
    assert logs.upkeep.report_quiet_minutes(now + timedelta(seconds=150)) == 0
    logs.put("g", "s", [(ms + 1, "late, and fine")], now)
    assert logs.upkeep.report_quiet_minutes(now + timedelta(seconds=180)) == 1
    assert [(datum.timestamp, datum.values) for datum in sinks.data] == [
        (minute + 61, (1.0,)), (minute, (0.0,)), (minute + 120, (0.0,)),
    ]  # fmt: skip


def test_a_group_has_at_most_a_hundred_metric_filters_and_five_regular_expressions(logs, group, now):
    for number in range(5):
        logs.filters.put_metric_filter(metric_filter("%a%", name=f"r{number}"), now, "me")
    with pytest.raises(Refused, match="at most 5"):
        logs.filters.put_metric_filter(metric_filter("%a%", name="r5"), now, "me")
    for number in range(95):
        logs.filters.put_metric_filter(metric_filter(name=f"p{number}"), now, "me")
    with pytest.raises(Refused, match="Resource limit exceeded"):
        logs.filters.put_metric_filter(metric_filter(name="one more"), now, "me")


def subscription(name="f", destination=TOPIC, pattern="ERROR"):
    return SubscriptionFilter("g", name, pattern, destination, 0)


def test_subscribers_get_the_events_with_the_ids_under_which_they_are_found(logs, group, sinks, now, ms):
    logs.filters.put_subscription(subscription(), now, "me")
    logs.put("g", "s", [(ms, "fine"), (ms, "ERROR 1"), (ms + 1, "ERROR 2")], now)
    [(topic, text)] = sinks.sent
    message = json.loads(text)
    events = message.pop("logEvents")
    assert topic == TOPIC
    assert message == {
        "messageType": "DATA_MESSAGE", "owner": "000000000000", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": ["f"],
    }  # fmt: skip
    stored = {key.text(): message for key, _, message in everything(logs, ms)[0]}
    assert [(stored[event["id"]], event["timestamp"]) for event in events] == [("ERROR 1", ms), ("ERROR 2", ms + 1)]


def test_many_events_reach_subscribers_in_messages_that_fit_a_topic(logs, group, sinks, now, ms):
    logs.filters.put_subscription(subscription(pattern=""), now, "me")
    logs.put("g", "s", [(ms, str(number) * 100_000) for number in range(10)], now)
    assert max(len(text) for _, text in sinks.sent) <= 262_144
    assert [event["message"][0] for _, text in sinks.sent for event in json.loads(text)["logEvents"]] == list(
        "0123456789"
    )


def test_an_event_that_no_topic_takes_is_cut_for_subscribers_only(logs, group, sinks, now, ms):
    logs.filters.put_subscription(subscription(pattern=""), now, "me")
    logs.put("g", "s", [(ms, "\x01" * 1_000_000), (ms, "small")], now)
    assert max(len(text.encode()) for _, text in sinks.sent) <= 262_144
    long, small = [event for _, text in sinks.sent for event in json.loads(text)["logEvents"]]
    assert long["message"].endswith("\x01…")
    assert small["message"] == "small"
    assert [len(message) for _, _, message in everything(logs, ms)[0]] == [1_000_000, 5]


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("arn:aws:lambda:us-east-1:000000000000:function:f", "service 'lambda' are not supported"),
        ("nonsense", "not supported"),
        (STRANGER, "no such topic"),
    ],
)
def test_destinations_that_cannot_be_served_are_refused(logs, group, now, destination, words):
    with pytest.raises(Refused, match=words):
        logs.filters.put_subscription(subscription(destination=destination), now, "me")


def test_a_group_has_at_most_two_subscriptions(logs, group, now):
    logs.filters.put_subscription(subscription("a"), now, "me")
    logs.filters.put_subscription(subscription("b"), now, "me")
    logs.filters.put_subscription(subscription("b", pattern="other"), now, "me")
    with pytest.raises(Refused, match="Resource limit exceeded"):
        logs.filters.put_subscription(subscription("c"), now, "me")
    logs.filters.delete_subscription("g", "a", now, "me")
    with pytest.raises(Refused, match="does not exist"):
        logs.filters.delete_subscription("g", "a", now, "me")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def test_the_same_on_postgresql(postgresql_url, sinks, clock, now, ms, tmp_path):
    from watchpost.service.configuration import Configuration
    from watchpost.service.logs.logs import Logs

    store = open_store(postgresql_url)
    try:
        logs = Logs(store, clock, sinks, sinks, Configuration(tmp_path), lambda: "id", "server-1")
        logs.groups.create("g", now, "me")
        logs.filters.put_metric_filter(metric_filter(default=0.0), now, "me")
        for number in range(60):
            logs.put("g", f"s{number % 2}", [(ms - number, f"{number} é\x00"), (ms, "ERROR")], now, create=True)
        before, _ = everything(logs, ms, where={"limit": 7})
        assert len(before) == 120
        merge_all(logs)
        assert everything(logs, ms, where={"limit": 7})[0] == before
        assert logs.upkeep.report_quiet_minutes(now + timedelta(minutes=3)) == 1
        logs.groups.retain("g", 1, now, "me")
        assert logs.upkeep.expire(now + timedelta(days=3)) > 0
        logs.groups.delete("g", now, "me")
        logs.queries.close()
    finally:
        store.close()
