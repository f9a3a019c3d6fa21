"""Alarms in the service: from datapoints to states, history, events and messages."""

import json
from contextlib import closing
from datetime import timedelta

import pytest

from watchpost.errors import Refused
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.alarms.reading import MetricQuestion
from watchpost.service.clock import ManualClock
from watchpost.stores.open import open_store
from watchpost.stores.sql.alarm_history import HistoryFilter

from .conftest import LATENCY, TOPIC, House


def test_a_new_alarm_is_unchecked_until_its_first_evaluation(house: House) -> None:
    house.put()
    state = house.described().state
    assert (state.value, state.reason) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")


def test_a_breach_becomes_an_alarm_and_its_end_ok(house: House) -> None:
    house.put()
    assert [house.minute(value) and house.state() for value in (1.0, 20.0, 20.0, 1.0)] == ["OK", "ALARM", 0, "OK"]
    assert house.told() == ['OK: "latency"', 'ALARM: "latency"', 'OK: "latency"']


def test_a_transition_writes_history_journal_event_and_message_together(house: House) -> None:
    house.put()
    house.minute(20.0)
    summaries = [(item.item, item.summary) for item in house.history()]
    assert summaries == [
        ("ConfigurationUpdate", 'Alarm "latency" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("Action", f"Successfully executed action {TOPIC}"),
    ]
    data = json.loads(house.history()[1].data)
    assert data["oldState"] == {"stateValue": "INSUFFICIENT_DATA", "stateReason": "Unchecked: Initial alarm creation"}
    assert data["newState"]["stateReasonData"]["recentDatapoints"] == [20.0]
    assert [line.entry.kind for line in house.journal()] == ["alarm.create", "alarm.transition", "alarm.action"]
    change = house.events.published[-1]
    assert (change.detail_type, change.detail["state"]["value"]) == ("CloudWatch Alarm State Change", "ALARM")  # type: ignore[index]


def test_a_reason_counts_the_samples_behind_each_datapoint(house: House) -> None:
    house.put()
    house.minute(20.0, 30.0)
    data = json.loads(house.described().state.reason_data or "")
    assert data["evaluatedDatapoints"][0] | {"timestamp": ""} == {"timestamp": "", "sampleCount": 2.0, "value": 25.0}


def test_people_read_cause_since_when_and_where_to_look(house: House) -> None:
    house.put(AlarmDescription="Prices come too late")
    house.minute(20.0)
    text = house.topics.sent[-1].readable
    assert "ALARM" in text
    assert "since 2026-07-01 12:01:00 UTC" in text
    assert "Prices come too late" in text
    assert "Threshold Crossed: 1 datapoint [20.0 (01/07/26 12:00:00)]" in text
    assert "http://watchpost.example/alarms/latency" in text


def test_windows_of_five_minutes_slide_by_a_minute(house: House) -> None:
    house.put(Period=300, Statistic="Sum", Threshold=25.0)
    states = [house.minute(10.0) is not None and house.state() for _ in range(4)]
    assert states == ["OK", "OK", "ALARM", "ALARM"]


def test_short_periods_are_evaluated_every_ten_seconds(house: House) -> None:
    house.put(Period=10)
    stamp = house.clock.now().timestamp()
    house.metrics.put([Datum(LATENCY, stamp, values=(20.0,), counts=(1.0,), resolution=1)])
    house.pass_(10)
    assert house.state() == "ALARM"


def test_an_alarm_over_more_than_a_day_is_evaluated_once_an_hour_on_full_hours(house: House) -> None:
    """The guide's worked case: failure at 10:02, ALARM at 11:03; fixed at 11:43, OK at 12:03."""
    house.put(
        Period=3600, EvaluationPeriods=25, DatapointsToAlarm=1, Statistic="Maximum", TreatMissingData="notBreaching"
    )
    house.clock.advance(120)
    house.report(20.0)
    house.pass_(60)
    assert house.state() == "OK"
    house.pass_(3600 - 60)
    assert house.state() == "OK"
    house.pass_(60)
    assert house.state() == "ALARM"


def test_metric_math_is_evaluated_over_sliding_windows(house: House) -> None:
    entry = {
        "Id": "m1",
        "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "latency"}, "Period": 60, "Stat": "Average"},
        "ReturnData": False,
    }
    house.put(
        Metrics=[entry, {"Id": "twice", "Expression": "m1 * 2"}],
        MetricName=None, Namespace=None, Statistic=None, Period=None,
    )  # fmt: skip
    assert [house.minute(value) and house.state() for value in (1.0, 6.0, 4.0)] == ["OK", "ALARM", "OK"]


def test_an_expression_that_fails_keeps_the_state_and_says_so(house: House) -> None:
    entry = {
        "Id": "m1",
        "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "latency"}, "Period": 60, "Stat": "Average"},
        "ReturnData": False,
    }
    house.put("scalar", Metrics=[entry, {"Id": "e", "Expression": "AVG(m1)"}], EvaluationPeriods=1,
              MetricName=None, Namespace=None, Statistic=None, Period=None)  # fmt: skip
    house.put()
    house.minute(20.0)
    assert house.described("scalar").state.trouble == "EVALUATION_FAILURE"
    assert house.state("scalar") == "INSUFFICIENT_DATA"
    assert house.state() == "ALARM"


def test_a_band_alarm_waits_for_history_and_then_finds_the_shift(house: House) -> None:
    entry = {
        "Id": "m1",
        "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "latency"}, "Period": 60, "Stat": "Average"},
    }
    now = house.clock.now().timestamp()
    history = [Datum(LATENCY, now - 60 * back, values=(10.0 + back % 3,), counts=(1.0,)) for back in range(1, 4 * 1440)]
    house.put(
        Metrics=[entry, {"Id": "ad", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}],
        MetricName=None, Namespace=None, Statistic=None, Period=None, Threshold=None,
        ThresholdMetricId="ad", ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
    )  # fmt: skip
    house.minute(11.0)
    assert house.state() == "INSUFFICIENT_DATA"
    house.metrics.put(history)
    house.minute(11.0)
    assert house.state() == "OK"
    house.minute(60.0)
    assert (house.state(), house.described().state.trouble) == ("ALARM", None)
    assert "greater than the upper thresholds [" in house.described().state.reason


def test_few_samples_keep_the_state_of_a_percentile_alarm_that_minds(house: House) -> None:
    house.put(Statistic=None, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile="ignore")
    house.minute(*[20.0] * 99)
    assert house.state() == "INSUFFICIENT_DATA"
    house.minute(*[20.0 + step for step in range(100)])
    assert house.state() == "ALARM"


def test_business_hours_give_an_alarm_two_thresholds(house: House) -> None:
    tags = {"watchpost:business-hours": "MON-FRI 08:00-12:30", "watchpost:off-hours-threshold": "100"}
    house.put(Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    house.minute(20.0)
    assert house.state() == "ALARM"
    house.pass_(40 * 60)
    house.minute(20.0)
    assert house.state() == "OK"
    assert "not greater than the threshold (100.0)" in house.described().state.reason


def test_removing_the_tags_ends_business_hours(house: House) -> None:
    tags = {"watchpost:business-hours": "MON-FRI 00:00-01:00", "watchpost:off-hours-threshold": "100"}
    house.put()
    arn = house.described().alarm.arn
    house.alarms.tags.tag(arn, tags)
    house.minute(20.0)
    assert house.state() == "OK"
    with pytest.raises(Refused, match="go together"):
        house.alarms.tags.untag(arn, ["watchpost:business-hours"])
    house.alarms.tags.untag(arn, list(tags))
    house.minute(20.0)
    assert house.state() == "ALARM"


def test_an_update_keeps_state_creation_and_tags(house: House) -> None:
    house.put(Tags=[{"Key": "team", "Value": "prices"}])
    house.minute(20.0)
    house.put(Threshold=15.0, Tags=[{"Key": "ignored", "Value": "on update"}])
    alarm = house.described().alarm
    assert house.state() == "ALARM"
    assert alarm.created < alarm.updated
    assert house.alarms.tags.tags_of(alarm.arn) == {"team": "prices"}


def test_setting_the_state_by_hand_lasts_until_the_next_evaluation(house: House) -> None:
    house.put()
    house.minute(1.0)
    house.set("latency", "ALARM")
    assert (house.state(), house.described().state.reason) == ("ALARM", "by hand")
    assert house.told()[-1] == 'ALARM: "latency"'
    house.minute(1.0)
    assert house.state() == "OK"


def test_setting_the_same_state_by_hand_changes_the_reason_and_tells_nobody(house: House) -> None:
    house.put()
    house.minute(1.0)
    before, told = house.described().state, house.told()
    house.set("latency", "OK")
    after = house.described().state
    assert (after.reason, after.transitioned, house.told()) == ("by hand", before.transitioned, told)


def test_disabled_actions_are_not_performed_but_events_are_published(house: House) -> None:
    house.put()
    house.alarms.changes.enable_actions(["latency", "unknown"], False)
    house.minute(20.0)
    assert house.told() == []
    assert house.events.published[-1].detail_type == "CloudWatch Alarm State Change"


def test_an_action_that_cannot_be_performed_is_told_as_failed(house: House) -> None:
    gone, function = f"{TOPIC}-gone", "arn:aws:lambda:us-east-1:000000000000:function:repair"
    house.put(AlarmActions=[gone, function, TOPIC])
    house.minute(20.0)
    actions = [item.summary for item in house.history(item="Action")]
    assert actions == [
        f"Failed to execute action {gone}",
        f"Failed to execute action {function}",
        f"Successfully executed action {TOPIC}",
    ]
    assert [line.entry.data["actionState"] for line in house.journal("alarm.action")] == [
        "Failed",
        "Failed",
        "Succeeded",
    ]


def test_history_outlives_its_alarm_for_thirty_days(house: House) -> None:
    house.put()
    house.alarms.changes.delete(["latency", "unknown"])
    assert [item.summary for item in house.history()] == ['Alarm "latency" created', 'Alarm "latency" deleted']
    with pytest.raises(Refused, match="does not exist"):
        house.described()
    house.alarms.tick(house.clock.advance(timedelta(days=31).total_seconds()))
    assert house.history() == []


def test_alarms_on_one_metric_are_found_by_exactly_its_dimensions(house: House) -> None:
    house.put()
    house.put("other", Dimensions=[{"Name": "endpoint", "Value": "prices"}])
    plain, with_endpoint = Metric.of("app", "latency"), Metric.of("app", "latency", {"endpoint": "prices"})
    names = [
        [found.alarm.name for found in house.alarms.reading.watching(MetricQuestion(metric))]
        for metric in (plain, with_endpoint)
    ]
    assert names == [["latency"], ["other"]]
    assert house.alarms.reading.watching(MetricQuestion(plain, statistic="Sum")) == []


def test_alarms_work_the_same_on_postgresql(postgresql_url: str, clock: ManualClock) -> None:
    with closing(open_store(postgresql_url)) as store:
        house = House.over(store, clock)
        house.put()
        house.compose("both", "ALARM(latency)")
        house.minute(20.0)
        assert (house.state(), house.state("both")) == ("ALARM", "ALARM")
        page = house.alarms.reading.history(HistoryFilter(item="StateUpdate"), 2)
        assert [item.alarm for item in page.items] == ["both", "latency"]
        rest = house.alarms.reading.history(HistoryFilter(item="StateUpdate"), 2, page.next)
        assert [item.alarm for item in rest.items] == ["both"]
