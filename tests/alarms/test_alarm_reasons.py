"""The sentences and the JSON that say why, as recorded from CloudWatch."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.judgement import Periods, judge
from watchpost.alarms.reasons import LONGEST_DATA, LONGEST_REASON, java_number
from watchpost.alarms.records import MetricAlarm, State

from .alarms_of import NOON, alarm, periods

# Each row: alarm, values, state before, state, sentence. Source: contract of CloudWatch's StateReason.
ROWS = [
    (
        alarm(threshold=21.0),
        [None, None, 21.5],
        "OK",
        "ALARM",
        "Threshold Crossed: 1 datapoint [21.5 (01/07/26 11:59:00)] was greater than the threshold (21.0).",
    ),
    (
        alarm(threshold=0.0, evaluation_periods=3, datapoints_to_alarm=1),
        [None, None, 1.0, 1.0, 1.0],
        "OK",
        "ALARM",
        "Threshold Crossed: 3 out of the last 3 datapoints [1.0 (01/07/26 11:59:00), 1.0 (01/07/26 11:58:00), "
        "1.0 (01/07/26 11:57:00)] were greater than the threshold (0.0) "
        "(minimum 1 datapoint for OK -> ALARM transition).",
    ),
    (
        alarm(threshold=50.0, datapoints_to_alarm=1),
        [None, None, 1.0],
        "ALARM",
        "OK",
        "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (01/07/26 11:59:00)] was not greater than the "
        "threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition).",
    ),
    (
        alarm(evaluation_periods=2, treatment="breaching"),
        [None] * 4,
        "OK",
        "ALARM",
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
        "[Breaching].",
    ),
    (
        alarm(treatment="notBreaching"),
        [None] * 3,
        "ALARM",
        "OK",
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching].",
    ),
    (
        alarm(evaluation_periods=5),
        [None] * 7,
        "OK",
        "INSUFFICIENT_DATA",
        "Insufficient Data: 5 datapoints were unknown.",
    ),
    (
        alarm(evaluation_periods=3, treatment="breaching", operator="LessThanOrEqualToThreshold"),
        [None, None, None, None, 10.0],
        "OK",
        "ALARM",
        "Threshold Crossed: 1 datapoint [10.0 (01/07/26 11:59:00)] was less than or equal to the threshold (10.0) and "
        "2 missing datapoints were treated as [Breaching].",
    ),
    # Ours: what is missing decided against the one datapoint there is, which must not be said to have crossed.
    (
        alarm(evaluation_periods=3, datapoints_to_alarm=2, treatment="breaching"),
        [None, None, None, None, 9.0],
        "OK",
        "ALARM",
        "Threshold Crossed: 1 out of the last 1 datapoints [9.0 (01/07/26 11:59:00)] was not greater than the "
        "threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition) and 2 missing datapoints were treated as "
        "[Breaching].",
    ),
    (
        alarm(evaluation_periods=3, datapoints_to_alarm=2),
        [None, None, None, None, 11.0],
        "INSUFFICIENT_DATA",
        "OK",
        "Threshold Crossed: 1 out of the last 1 datapoints [11.0 (01/07/26 11:59:00)] was greater than the threshold "
        "(10.0) (minimum 2 datapoints for OK -> ALARM transition).",
    ),
    (
        alarm(evaluation_periods=3, treatment="notBreaching"),
        [None, None, None, 11.0, 11.0],
        "ALARM",
        "OK",
        "Threshold Crossed: 2 datapoints [11.0 (01/07/26 11:59:00), 11.0 (01/07/26 11:58:00)] were greater than the "
        "threshold (10.0) and 1 missing datapoint was treated as [NonBreaching].",
    ),
]


@pytest.mark.parametrize(("watcher", "values", "before", "state", "sentence"), ROWS)
def test_reasons_read_as_cloudwatch_writes_them(
    watcher: MetricAlarm, values: list[float | None], before: State, state: State, sentence: str
) -> None:
    assert watcher.threshold is not None
    judged = judge(watcher, periods(values, limit=watcher.threshold), before)
    assert (judged.state, judged.reason) == (state, sentence)


def test_bands_name_the_limits_on_both_sides() -> None:
    watcher = alarm(
        threshold=None,
        band="ad",
        operator="LessThanLowerOrGreaterThanUpperThreshold",
        datapoints_to_alarm=1,
        stat=None,
    )
    starts = int(NOON.timestamp()) - 60 * np.arange(3, 0, -1, dtype=np.int64)
    seen = Periods(
        NOON,
        starts,
        np.array([np.nan, np.nan, 9.0]),
        np.full(3, -3.1),
        np.full(3, 7.4),
        np.zeros(3, np.bool_),
    )
    judged = judge(watcher, seen, "OK")
    assert judged.reason == (
        "Thresholds Crossed: 1 out of the last 1 datapoints [9.0 (01/07/26 11:59:00)] was less than the lower "
        "thresholds [-3.1] or greater than the upper thresholds [7.4] (minimum 1 datapoint for OK -> ALARM transition)."
    )
    data = json.loads(judged.reason_data or "")
    assert (data["recentLowerThresholds"], data["recentUpperThresholds"]) == ([-3.1], [7.4])


def test_datapoints_without_a_band_count_as_missing() -> None:
    watcher = alarm(threshold=None, band="ad", operator="GreaterThanUpperThreshold", stat=None)
    none = np.full(3, np.nan)
    dark = np.zeros(3, np.bool_)
    seen = Periods(NOON, periods([0.0] * 3).starts, np.full(3, 9.0), none, none, dark)
    assert judge(watcher, seen, "OK").state == "INSUFFICIENT_DATA"


def test_reason_data_hold_the_datapoints_that_decided() -> None:
    """The example of CloudWatch's user guide on alarm events."""
    at = datetime(2019, 10, 2, 17, 4, 40, 985000, UTC)
    starts = np.array([int(datetime(2019, 10, 2, 17, minute, tzinfo=UTC).timestamp()) for minute in (0, 1)])
    limits, dark = np.full(2, 21.0), np.zeros(2, np.bool_)
    seen = Periods(at, starts, np.array([np.nan, 21.5]), limits, limits, dark, np.array([0.0, 1.0]))
    assert json.loads(judge(alarm(threshold=21.0), seen, "OK").reason_data or "") == {
        "version": "1.0",
        "queryDate": "2019-10-02T17:04:40.985+0000",
        "startDate": "2019-10-02T17:01:00.000+0000",
        "statistic": "Average",
        "period": 60,
        "recentDatapoints": [21.5],
        "threshold": 21.0,
        "evaluatedDatapoints": [{"timestamp": "2019-10-02T17:01:00.000+0000", "sampleCount": 1.0, "value": 21.5}],
    }


def test_no_start_is_named_where_nothing_was_found() -> None:
    judged = judge(alarm(), periods([None, None, None]), "OK")
    assert "startDate" not in json.loads(judged.reason_data or "")


@given(st.integers(1, 1440), st.floats(allow_nan=False, allow_infinity=False))
def test_long_alarms_stay_within_what_describe_may_answer(count: int, value: float) -> None:
    judged = judge(alarm(evaluation_periods=count), periods([value] * (count + 2)), "INSUFFICIENT_DATA")
    assert len(judged.reason) <= LONGEST_REASON
    assert len(judged.reason_data or "") <= LONGEST_DATA
    assert json.loads(judged.reason_data or "")["recentDatapoints"][-1] == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_in_sentences_are_the_numbers_themselves(value: float) -> None:
    assert float(java_number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(1e7, "1.0E7"), (9999999.0, "9999999.0"), (0.001, "0.001"), (0.00099, "9.9E-4"), (-2.0, "-2.0")]
)
def test_large_and_small_numbers_are_written_as_java_writes_doubles(value: float, text: str) -> None:
    assert java_number(value) == text
