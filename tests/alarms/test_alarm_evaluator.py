"""The evaluation loop: every tick once, by one server, and across stops."""

import json
from contextlib import closing
from datetime import timedelta
from threading import Event, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.alarms.backtest import backtest
from watchpost.alarms.records import MetricAlarm
from watchpost.metrics.identity import Datum
from watchpost.service.clock import ManualClock
from watchpost.stores.open import open_store
from watchpost.stores.store import Store
from watchpost.windows import Window

from .alarms_of import NOON
from .conftest import LATENCY, House


def states_of(house: House) -> list[tuple[str, str]]:
    return [(item.at.strftime("%H:%M:%S"), item.summary) for item in house.history(item="StateUpdate")]


def restarted(house: House) -> House:
    """A new process of the same server over the same store; the evaluation is not resumed yet."""
    return House.over(house.store, house.clock)


def test_evaluating_the_same_tick_again_changes_nothing(house: House) -> None:
    house.put()
    house.minute(20.0)
    before = house.history()
    assert house.alarms.tick(house.clock.now()) == 0
    assert restarted(house).alarms.tick(house.clock.now()) == 0
    assert house.history() == before


def test_missed_ticks_are_caught_up_one_by_one(house: House) -> None:
    house.put()
    house.minute(1.0)
    for value in (20.0, 1.0, 20.0):
        house.report(value)
        house.clock.advance(60)
    assert house.alarms.tick(house.clock.now()) == 3
    assert [at for at, _ in states_of(house)] == ["12:01:00", "12:02:00", "12:03:00", "12:04:00"]


def test_a_late_evaluation_leaves_alone_what_was_changed_since(house: House) -> None:
    house.put()
    house.minute(1.0)
    house.report(20.0)
    house.clock.advance(65)
    house.set("latency", "INSUFFICIENT_DATA")
    assert house.alarms.tick(house.clock.now()) == 0
    assert house.state() == "INSUFFICIENT_DATA"


@pytest.mark.parametrize("treatment", ["missing", "ignore", "breaching", "notBreaching"])
@pytest.mark.parametrize("value", [1.0, 20.0])
def test_a_stop_of_the_server_invents_no_transition(house: House, treatment: str, value: float) -> None:
    house.put(TreatMissingData=treatment, EvaluationPeriods=2)
    house.minute(value)
    house.minute(value)
    before = states_of(house)
    house.clock.advance(3600)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(3):
        after.minute(value)
    assert states_of(house) == before


def test_missing_data_count_again_once_the_stop_is_out_of_sight(house: House) -> None:
    house.put()
    house.minute(1.0)
    house.clock.advance(600)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    states = [after.minute() is not None and after.state() for _ in range(3)]
    assert states == ["OK", "OK", "INSUFFICIENT_DATA"]


def test_a_breach_that_was_reported_before_a_crash_is_found_afterwards(house: House) -> None:
    house.put()
    house.minute(1.0)
    house.report(20.0)
    # The server lives on past the tick and takes in data, but dies before it evaluates.
    house.clock.advance(60)
    second = House.over(house.store, house.clock, holder="two")
    second.alarms.tick(house.clock.now())
    house.clock.advance(3600)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    assert [at for at, _ in states_of(after)][-1] == "12:02:00"
    assert after.state() == "ALARM"


@pytest.mark.parametrize("period", [10, 60, 300])
def test_a_breach_in_a_period_that_the_crash_cut_short_is_found_afterwards(house: House, period: int) -> None:
    house.clock.advance(600)  # no hourly tick from here on, which would see it too
    house.put(Period=period, Statistic="Maximum")
    house.pass_(period)
    house.metrics.put([Datum(LATENCY, house.clock.now().timestamp(), values=(20.0,), counts=(1.0,), resolution=1)])
    house.clock.advance(1800)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    assert after.state() == "ALARM"


def test_a_stop_across_the_hourly_tick_delays_no_daily_alarm_by_an_hour(house: House) -> None:
    house.put(Period=3600, EvaluationPeriods=25, DatapointsToAlarm=1, Statistic="Maximum")
    house.report(20.0)
    house.alarms.tick(house.clock.advance(3600))
    house.clock.advance(600)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    assert after.state() == "ALARM"


def test_sums_that_a_stop_cut_short_raise_no_alarm(house: House) -> None:
    house.put(Statistic="Sum", Period=300, Threshold=5.0, ComparisonOperator="LessThanThreshold")
    for _ in range(5):
        house.minute(2.0)
    assert house.state() == "OK"
    house.clock.advance(240)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(5):
        after.minute(2.0)
        assert after.state() == "OK"


def test_sums_that_a_stop_cut_short_end_no_alarm(house: House) -> None:
    house.put(Statistic="Sum", Period=300, Threshold=9.0)
    for _ in range(15):
        house.minute(2.0)
    assert house.state() == "ALARM"
    house.clock.advance(240)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(9):
        after.minute(2.0)
        assert after.state() == "ALARM"
    after.minute(1.0)
    assert after.state() == "OK"


def put_math(house: House, expression: str, **members: object) -> None:
    """Make an alarm on an expression over the sum of latency in five minutes."""
    metric = {"Namespace": "app", "MetricName": "latency"}
    metrics = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e", "Expression": expression},
    ]
    single = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
    house.put(**single, Metrics=metrics, **members)


@pytest.mark.parametrize("treatment", ["missing", "ignore", "breaching", "notBreaching"])
@pytest.mark.parametrize("expression", ["m", "m * 1", "FILL(m, 0)", "IF(m > 5, m, 0)"])
def test_metric_math_over_sums_that_a_stop_cut_short_raises_no_alarm(
    house: House, expression: str, treatment: str
) -> None:
    put_math(house, expression, Threshold=5.0, ComparisonOperator="LessThanThreshold", TreatMissingData=treatment)
    for _ in range(20):
        house.minute(2.0)
    assert house.state() == "OK"
    house.clock.advance(240)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(20):
        after.minute(2.0)
        assert after.state() == "OK"


def test_metric_math_over_sums_that_a_stop_cut_short_ends_no_alarm(house: House) -> None:
    put_math(house, "m * 1", Threshold=9.0)
    for _ in range(20):
        house.minute(2.0)
    assert house.state() == "ALARM"
    house.clock.advance(240)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(20):
        after.minute(2.0)
        assert after.state() == "ALARM"
    after.minute(0.0)
    assert after.state() == "OK"


def test_a_difference_to_a_sum_that_a_stop_cut_short_raises_no_alarm(house: House) -> None:
    put_math(house, "ABS(DIFF(m))", Threshold=3.0, DatapointsToAlarm=1, EvaluationPeriods=2)
    for _ in range(30):
        house.minute(2.0)
    house.clock.advance(240)
    after = restarted(house)
    after.alarms.resume(house.clock.now())
    for _ in range(30):
        after.minute(2.0)
        assert after.state() == "OK"
    assert after.minute(50.0) == 1


def test_only_one_of_two_servers_evaluates(house: House) -> None:
    other = House.over(house.store, house.clock, holder="two")
    house.put()
    house.pass_(10)
    assert other.alarms.tick(house.clock.now()) == 0
    house.report(20.0)
    house.clock.advance(20)
    house.alarms.tick(house.clock.now())
    house.clock.advance(20)
    assert other.alarms.tick(house.clock.now()) == 0
    house.clock.advance(60)  # the first one's lease is over
    assert other.alarms.tick(house.clock.now()) == 1
    assert house.alarms.tick(house.clock.now()) == 0
    assert len(other.topics.sent) == 1


def test_a_stop_of_one_of_two_servers_blinds_nobody(house: House) -> None:
    other = House.over(house.store, house.clock, holder="two")
    house.put(TreatMissingData="breaching", EvaluationPeriods=1)
    house.minute(1.0)
    for _ in range(7):
        other.alarms.tick(house.clock.advance(20))
    house.alarms.resume(house.clock.now())
    for _ in range(3):
        other.alarms.tick(house.clock.advance(20))
    assert house.state() == "ALARM"


@settings(max_examples=15)
@given(st.lists(st.sampled_from([1.0, 20.0, None]), min_size=1, max_size=12), st.sampled_from(["missing", "ignore"]))
def test_the_service_does_what_a_backtest_over_the_same_data_finds(values: list[float | None], treatment: str) -> None:
    with closing(open_store("sqlite://")) as store:
        house = House.over(store, ManualClock(NOON))
        house.put(TreatMissingData=treatment, EvaluationPeriods=2, DatapointsToAlarm=1)
        for value in values:
            house.minute(*([] if value is None else [value]))
        alarm = house.described().alarm
        assert isinstance(alarm, MetricAlarm)
        assert alarm.stat is not None
        now = house.clock.now()
        series = house.metrics.read(alarm.stat, int(NOON.timestamp()), int(now.timestamp()))
        replayed = backtest(alarm, series, Window(NOON + timedelta(minutes=1), now + timedelta(seconds=1)))
        found = [json.loads(item.data)["newState"] for item in house.history(item="StateUpdate")]
    assert [(each.after.value, each.after.reason) for each in replayed] == [
        (state["stateValue"], state["stateReason"]) for state in found
    ]


def test_the_loop_evaluates_on_time_until_it_is_told_to_stop(store: Store, clock: ManualClock) -> None:
    house, stop = House.over(store, clock), Event()
    house.put()
    house.report(20.0)
    evaluated = Event()
    original = house.topics.publish

    def publish(*arguments: object, **named: object) -> str:
        evaluated.set()
        return original(*arguments, **named)  # type: ignore[arg-type]  # passed on as they came

    house.topics.publish = publish  # type: ignore[method-assign]  # the double itself, not what is under test
    loop = Thread(target=house.alarms.run, args=(stop,))
    loop.start()
    while not evaluated.wait(0.02):
        clock.advance(5)
    stop.set()
    loop.join(10)
    assert not loop.is_alive()
    assert house.told() == ['ALARM: "latency"']
