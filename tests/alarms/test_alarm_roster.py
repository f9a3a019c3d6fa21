"""The roster: what evaluation knows of alarms is what is stored of them, whoever stored it and however much is read."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.alarms.business_hours import BusinessHours
from watchpost.alarms.evaluation_of_many import OPERATOR_NAMES, STATES, TREATMENTS
from watchpost.alarms.records import AlarmState, MetricAlarm, Query
from watchpost.alarms.ticks import pace
from watchpost.errors import StoreUnavailable
from watchpost.metrics.identity import Datum, Metric, MetricStat
from watchpost.service.alarms.documents import METRIC_ALARM, STATE
from watchpost.service.alarms.outlines import outlines, standings
from watchpost.service.alarms.roster import Group, Roster, RosterKeeper, roster_of
from watchpost.service.clock import ManualClock
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.open import open_store
from watchpost.stores.sql.metrics import names_of, read_names
from watchpost.stores.store import Store, Transaction

from .alarms_of import NOON, alarm

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
METRICS = st.builds(Metric.of, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
STATISTICS = st.sampled_from(["Average", "Sum", "SampleCount", "p99", "IQM", "TM(25%:75%)", "TC(:3)"])
STATS = st.builds(
    MetricStat,
    METRICS,
    st.sampled_from([10, 60, 300, 3600, 86_400]),
    STATISTICS,
    st.sampled_from([None, "None", "Percent"]),
)
HOURS = BusinessHours(((0, 480, 1080),), 5.0)
PLAIN = st.builds(
    lambda stat, **members: alarm(stat=stat, **members),
    STATS,
    evaluation_periods=st.integers(1, 30),
    datapoints_to_alarm=st.none() | st.just(1),
    treatment=st.none() | st.sampled_from(TREATMENTS),
    operator=st.sampled_from(OPERATOR_NAMES),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    hours=st.sampled_from([None, None, HOURS]),
)
MATH = st.builds(lambda stat: alarm(stat=None, queries=(Query("m", stat, return_data=True),)), STATS)
ALARMS = st.lists(PLAIN | MATH, max_size=12)


def named(alarms: list[MetricAlarm]) -> dict[str, MetricAlarm]:
    return {f"alarm-{i}": replace(each, name=f"alarm-{i}") for i, each in enumerate(alarms)}


@pytest.fixture(scope="module")
def quiet() -> Iterator[Metrics]:
    with closing(open_store("sqlite://")) as store:
        yield Metrics(store, ManualClock(NOON))


def rows_of(roster: Roster) -> Iterator[tuple[str, str, Group, int]]:
    for of_pace, groups in roster.groups.items():
        for group in groups:
            for name, row in group.rows.items():
                yield of_pace, name, group, row


@given(METRICS)
def test_a_metric_in_a_document_has_the_very_text_it_is_stored_under(metric: Metric) -> None:
    body = METRIC_ALARM.encode(alarm(stat=MetricStat(metric, 60, "Sum")))
    [outline] = outlines([body])
    assert outline.stat is not None
    assert str(outline.stat.metric, "utf-8") == names_of(metric)
    assert read_names([names_of(metric)] * 2) == [metric] * 2


@given(ALARMS)
def test_the_roster_says_of_each_alarm_what_its_document_says(quiet: Metrics, alarms: list[MetricAlarm]) -> None:
    known = named(alarms)
    roster = roster_of(list(known), [METRIC_ALARM.encode(each) for each in known.values()], quiet)
    seen = set()
    for of_pace, name, group, row in rows_of(roster):
        seen.add(name)
        each, conditions = known[name], group.conditions
        assert group.alarm(row) == each
        assert of_pace == pace(each)
        assert (conditions.periods[row], conditions.needed[row]) == (each.evaluation_periods, each.needed)
        assert (conditions.looked_at[row], conditions.threshold[row]) == (each.looked_at, each.threshold)
        assert each.looked_at <= group.columns
        assert TREATMENTS[conditions.treatment[row]] == (each.treatment or "missing")
        assert OPERATOR_NAMES[conditions.operator[row]] == each.operator
        assert group.by_hours.get(row) == (each if each.hours else None)
        assert [period for period, rows in group.periods.items() if rows[row]] == [each.period]
    computed = {each.name: each for of_pace in roster.computed.values() for each in of_pace}
    assert computed.items() <= known.items()
    assert seen | computed.keys() == known.keys()


@given(st.lists(st.builds(AlarmState, st.sampled_from(STATES), TEXTS, st.just(NOON), trouble=st.none() | TEXTS)))
def test_a_standing_is_what_the_state_says(states: list[AlarmState]) -> None:
    found = standings([STATE.encode(each) for each in states])
    assert [(each.value, each.trouble) for each in found] == [(each.value, each.trouble) for each in states]


def test_a_document_that_cannot_be_read_is_named() -> None:
    good = METRIC_ALARM.encode(alarm())
    with pytest.raises(StoreUnavailable, match="metric-alarm"):
        outlines([good, b'{"v":1,"value":{"name":"x"}}'])
    with pytest.raises(StoreUnavailable, match="newer than this release"):
        outlines([good, good.replace(b'{"v":1', b'{"v":9')])


def test_a_state_that_is_missing_counts_as_insufficient_data(store: Store, clock: ManualClock) -> None:
    store.write(lambda tx: tx.put(METRIC_ALARM, "latency", alarm()))
    roster = RosterKeeper(store, Metrics(store, clock)).current()
    [(_, _, group, row)] = rows_of(roster)
    assert STATES[group.before[row]] == "INSUFFICIENT_DATA"


def check_that_changes_of_others_are_seen(one: Store, two: Store, clock: ManualClock) -> None:
    keeper = RosterKeeper(one, Metrics(one, clock))

    def put(tx: Transaction) -> None:
        tx.put(METRIC_ALARM, "latency", alarm())
        tx.put(STATE, "latency", AlarmState("OK", "", NOON))

    def known() -> tuple[str, float]:
        [(_, _, group, row)] = rows_of(keeper.current())
        return STATES[group.before[row]], float(group.conditions.threshold[row])

    two.write(put)
    assert known() == ("OK", 10.0)
    two.write(lambda tx: tx.put(STATE, "latency", AlarmState("ALARM", "", NOON)))
    assert known() == ("ALARM", 10.0)
    two.write(lambda tx: tx.put(METRIC_ALARM, "latency", alarm(threshold=20.0)))
    assert known() == ("ALARM", 20.0)
    two.write(lambda tx: tx.delete(METRIC_ALARM, "latency"))
    assert not list(rows_of(keeper.current()))


def test_what_another_process_changed_is_in_the_next_roster(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("shared") / "watchpost.db"
    with closing(open_store(path)) as one, closing(open_store(path)) as two:
        check_that_changes_of_others_are_seen(one, two, ManualClock(NOON))


def test_what_another_server_on_postgresql_changed_is_in_the_next_roster(postgresql_url: str) -> None:
    with closing(open_store(postgresql_url)) as one, closing(open_store(postgresql_url)) as two:
        check_that_changes_of_others_are_seen(one, two, ManualClock(NOON))


@settings(max_examples=5)
@given(st.lists(st.sampled_from([1.0, 20.0, None]), min_size=1, max_size=9), st.sampled_from(["Average", "Sum"]))
def test_a_process_that_just_started_sees_what_one_that_kept_running_sees(
    pattern: list[float | None], stat: str
) -> None:
    # So many that they are answered for from history at first, and from memory later.
    values = [pattern[i % len(pattern)] for i in range(1100)]
    with closing(open_store("sqlite://")) as store:
        clock = ManualClock(NOON)
        running = Metrics(store, clock)

        def put(tx: Transaction) -> None:
            for i in range(len(values)):
                watched = MetricStat(Metric.of("app", "latency", {"i": str(i)}), 60, stat)
                tx.put(METRIC_ALARM, f"alarm-{i}", alarm(name=f"alarm-{i}", stat=watched))

        store.write(put)
        data = [
            Datum(Metric.of("app", "latency", {"i": str(i)}), NOON.timestamp(), (value,), (1.0,))
            for i, value in enumerate(values)
            if value is not None
        ]
        running.put(data)
        clock.advance(60)
        tick = clock.now()

        def windows(metrics: Metrics) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            [(_, groups)] = RosterKeeper(store, metrics).current().groups.items()
            return metrics.windows(groups[0].selection, int(tick.timestamp()), 3)

        first = windows(running)
        running.look()
        kept = windows(running)
        fresh = windows(Metrics(store, clock))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(first, fresh)
    assert np.count_nonzero(~np.isnan(fresh)) == len(data)
