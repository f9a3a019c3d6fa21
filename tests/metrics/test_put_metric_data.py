"""What PutMetricData accepts and refuses (contract 2.1, messages 1.5), and the fast way in for JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.fronts.aws.cloudwatch.put_metric_data import decode_json
from watchpost.metrics.batch import batch
from watchpost.metrics.checks import LARGEST, data
from watchpost.metrics.identity import Datum, Metric
from watchpost.metrics.units import UNITS

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SET = {"SampleCount": 2.0, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0}


def request(*items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Namespace": "app", "MetricData": [{"MetricName": "m", **item} for item in items], **more}


def only(item: Mapping[str, Any]) -> Datum:
    [datum] = data(request(item), NOW)
    return datum


# --- accepted -------------------------------------------------------------------------------------------------------


def test_a_single_value_is_taken_in_at_the_instant_it_is_received() -> None:
    assert only({"Value": 1.5}) == Datum(Metric("app", "m"), NOW.timestamp(), (1.5,), (1.0,))


def test_dimensions_are_a_set() -> None:
    pairs = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]
    assert only({"Value": 1, "Dimensions": pairs}).metric == only({"Value": 1, "Dimensions": pairs[::-1]}).metric


def test_values_without_counts_are_counted_once_each() -> None:
    assert only({"Values": [1.0, 2.0]}).counts == (1.0, 1.0)
    assert only({"Values": [1.0, 2.0], "Counts": [0.5, 3]}).counts == (0.5, 3.0)


def test_a_statistic_set_is_taken_as_it_is() -> None:
    assert only({"StatisticValues": SET}).statistics == (2.0, 3.0, 1.0, 2.0)


def test_values_beside_a_statistic_set_are_accepted_and_used() -> None:
    assert only({"StatisticValues": SET, "Values": [1.0]}).values == (1.0,)


def test_data_of_entities_count_as_data() -> None:
    entities = [{"Entity": {}, "MetricData": [{"MetricName": "n", "Value": 1}]}]
    assert [d.metric.name for d in data(request({"Value": 1}, EntityMetricData=entities), NOW)] == ["m", "n"]


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 0, 5e-324])
def test_values_up_to_two_to_the_360_are_accepted(value: float) -> None:
    assert only({"Value": value}).values == (value,)


@pytest.mark.parametrize("age", [timedelta(days=14), -timedelta(hours=2), timedelta()])
def test_timestamps_from_two_weeks_ago_to_two_hours_ahead_are_accepted(age: timedelta) -> None:
    assert only({"Value": 1, "Timestamp": NOW - age}).timestamp == (NOW - age).timestamp()


def test_150_different_values_are_accepted_and_repetitions_do_not_count() -> None:
    assert len(only({"Values": [float(i % 150) for i in range(300)]}).values) == 300


# --- refused --------------------------------------------------------------------------------------------------------

VALUE, COMBINATION, MISSING = (
    "InvalidParameterValueException",
    "InvalidParameterCombinationException",
    "MissingRequiredParameterException",
)
WHERE = "MetricData.member.1"


@pytest.mark.parametrize(
    ("item", "fault", "message"),
    [
        (
            {"Value": 1, "Values": [1]},
            COMBINATION,
            f"The parameters {WHERE}.Value and {WHERE}.Values are mutually exclusive and you have specified both.",
        ),
        (
            {"Value": 1, "StatisticValues": SET},
            COMBINATION,
            f"The parameters {WHERE}.Value and {WHERE}.StatisticValues are mutually exclusive and you have specified "
            "both.",
        ),
        (
            {"Values": [1, 2], "Counts": [1]},
            VALUE,
            f"The parameters {WHERE}.Values and {WHERE}.Counts must be of the same size.",
        ),
        ({"Value": float("nan")}, VALUE, f"The value NaN for parameter {WHERE}.Value is invalid."),
        ({"Value": float("-inf")}, VALUE, f"The value -inf for parameter {WHERE}.Value is invalid."),
        ({"Value": 2.4e108}, VALUE, f"The value 2.4e+108 for parameter {WHERE}.Value is invalid."),
        ({"Values": [1.0, float("nan")]}, VALUE, f"The value NaN for parameter {WHERE}.Values is invalid."),
        ({"Values": [1.0], "Counts": [0]}, VALUE, f"The value 0 for parameter {WHERE}.Counts is invalid."),
        (
            {"Values": [float(i) for i in range(151)]},
            VALUE,
            f"The collection {WHERE}.Values must not have a size greater than 150.",
        ),
        (
            {"StatisticValues": {**SET, "SampleCount": 0}},
            VALUE,
            f"The value 0 for parameter {WHERE}.StatisticValues.SampleCount is invalid.",
        ),
        (
            {"StatisticValues": {**SET, "Minimum": 3.0}},
            VALUE,
            f"The parameter {WHERE}.StatisticValues.Maximum must be greater than or equal to "
            f"{WHERE}.StatisticValues.Minimum.",
        ),
        (
            {"Value": 1, "Timestamp": NOW - timedelta(days=14, seconds=1)},
            VALUE,
            f"The parameter {WHERE}.Timestamp must specify a time no more than two weeks in the past.",
        ),
        (
            {"Value": 1, "Timestamp": NOW + timedelta(hours=2, seconds=1)},
            VALUE,
            f"The parameter {WHERE}.Timestamp must specify a time no more than two hours in the future.",
        ),
        ({"Value": 1, "StorageResolution": 30}, VALUE, f"The parameter {WHERE}.StorageResolution must be 1 or 60."),
        (
            {},
            MISSING,
            f"At least one of the parameters {WHERE}.Value, {WHERE}.Values and {WHERE}.StatisticValues must be "
            "specified.",
        ),
        (
            {"Value": 1, "Dimensions": [{"Name": "a", "Value": " "}]},
            VALUE,
            f"The value ' ' for parameter {WHERE}.Dimensions.Value is invalid.",
        ),
        (
            {"Value": 1, "Dimensions": [{"Name": "ä", "Value": "1"}]},
            VALUE,
            f"The value 'ä' for parameter {WHERE}.Dimensions.Name is invalid.",
        ),
        (
            {"Value": 1, "Dimensions": [{"Name": ":a", "Value": "1"}]},
            VALUE,
            f"The value ':a' for parameter {WHERE}.Dimensions.Name is invalid.",
        ),
        (
            {"Value": 1, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
            VALUE,
            f"The parameter {WHERE}.Dimensions must not contain the dimension 'a' more than once.",
        ),
        (
            {"MetricName": "a\0b", "Value": 1},
            VALUE,
            f"The value 'a\\x00b' for parameter {WHERE}.MetricName is invalid.",
        ),
    ],
)
def test_a_datum_that_breaks_a_rule_is_refused_with_its_path(item: dict[str, Any], fault: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        only(item)
    assert (refused.value.fault, refused.value.message) == (fault, message)


def test_the_first_bad_datum_fails_the_whole_request() -> None:
    with pytest.raises(Refused, match=r"^The value NaN for parameter MetricData\.member\.2\.Value is invalid\.$"):
        data(request({"Value": 1}, {"Value": float("nan")}, {}), NOW)


@pytest.mark.parametrize("namespace", [":app", "app*", "Ünit", ""])
def test_a_namespace_has_only_certain_characters(namespace: str) -> None:
    with pytest.raises(Refused, match="for parameter Namespace is invalid"):
        data({"Namespace": namespace, "MetricData": [{"MetricName": "m", "Value": 1}]}, NOW)


def test_a_request_has_1_to_1000_data_with_those_of_its_entities() -> None:
    entities = [{"MetricData": [{"MetricName": "n", "Value": 1}]}]
    many = [{"Value": 1}] * 999
    assert len(data(request(*many, EntityMetricData=entities), NOW)) == 1000
    for bad in (request(), request(*many, {"Value": 1}, EntityMetricData=entities)):
        with pytest.raises(Refused, match="MetricData"):
            data(bad, NOW)
    with pytest.raises(Refused, match="EntityMetricData must not have a size greater than 2"):
        data(request(EntityMetricData=entities * 3), NOW)


# --- the fast way in ------------------------------------------------------------------------------------------------

NAMES = st.text("ab :.", min_size=0, max_size=3)
STAMPS = st.floats(NOW.timestamp() - 15 * 86_400, NOW.timestamp() + 3 * 3600)
ITEMS = st.fixed_dictionaries(
    {"MetricName": NAMES},
    optional={
        "Value": st.floats() | st.integers(-5, 5),
        "Timestamp": STAMPS | st.integers(int(NOW.timestamp()) - 100, int(NOW.timestamp())),
        "Dimensions": st.lists(st.fixed_dictionaries({"Name": NAMES, "Value": NAMES}), max_size=3),
        "Unit": st.sampled_from([*sorted(UNITS), "Furlongs"]),
        "StorageResolution": st.sampled_from([1, 60, 30]),
        "Counts": st.lists(st.integers(1, 3), max_size=2),
    },
)


@given(NAMES | st.just("app"), st.lists(ITEMS, max_size=4))
def test_the_fast_way_gives_what_the_general_way_gives_or_nothing(namespace: str, items: list[dict[str, Any]]) -> None:
    body = {"Namespace": namespace, "MetricData": items}
    decoded = decode_json(json.dumps(body).encode())
    if decoded is None:
        return
    # Of the rules only the age of a datum is left to the operation, for it alone knows the hour.
    said = [refusal(lambda: data(body, NOW)), refusal(lambda: decoded["decoded"].received(NOW))]
    assert said[0] == said[1]
    if said[0]:
        return
    slow = batch(data(body, NOW))
    fast = decoded["decoded"].received(NOW)
    assert fast.series == slow.series
    for column in ("key", "count", "total", "low", "high", "whole"):
        assert np.array_equal(getattr(fast.cells, column), getattr(slow.cells, column))


def refusal(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except Refused as refused:
        return refused.message
    return None


def test_what_boto3_sends_goes_the_fast_way() -> None:
    item = {
        "MetricName": "m",
        "Dimensions": [{"Name": "a", "Value": "1"}],
        "Timestamp": NOW.timestamp(),
        "Value": 1,
        "Unit": "Percent",
        "StorageResolution": 60,
    }
    assert decode_json(json.dumps(request(item, {"Value": 2.5})).encode()) is not None


@pytest.mark.parametrize(
    "item",
    [
        {"Values": [1.0]},
        {"StatisticValues": SET},
        {"Value": "NaN"},
        {"Value": 1e300},
        {"Value": None},
        {"Value": 1, "Unit": "Furlongs"},
        {"Value": 1, "StorageResolution": 30},
        {"Value": 1, "Timestamp": "2026-07-01T12:00:00Z"},
        {"Value": 1, "Dimensions": [{"Name": "a"}]},
        {"Value": 1, "Dimensions": [{"Name": f"a{i}", "Value": "1"} for i in range(31)]},
        {"Value": 1, "Dimensions": [{"Name": "a" * 256, "Value": "1"}]},
        {"Value": 1, "MetricName": "m" * 256},
        {"Value": 1, "MetricName": ""},
    ],
)
def test_whatever_is_odd_goes_the_general_way(item: dict[str, Any]) -> None:
    assert decode_json(json.dumps(request({"Value": 1}, item)).encode()) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_left_to_the_general_way(body: bytes) -> None:
    assert decode_json(body) is None


@pytest.mark.parametrize("body", [b'{"Namespace":"a","MetricData":[]}', b'{"Namespace":"\xff"}', b"[" * 100_000, b"{}"])
def test_bodies_that_are_no_request_go_the_general_way(body: bytes) -> None:
    assert decode_json(body) is None
