"""Metric filters and embedded metrics: from log events to metric data."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.logs.embedded_metrics import UNITS, embedded_metrics
from watchpost.logs.metric_filter import MetricFilter, Transformation, compile_filter, default_datum, transform
from watchpost.metrics.identity import Datum, Metric

NOW = 1_782_907_200
MS = NOW * 1000


def rule(pattern: str, value: str = "1", **options: object) -> MetricFilter:
    return MetricFilter("g", "f", pattern, Transformation("app", "m", value, **options), 0)


def test_a_matching_event_counts_at_its_own_time():
    outcome = transform(compile_filter(rule("ERROR")), [MS + 500, MS + 70_000], ["ERROR x", "fine"])
    assert outcome.data == (Datum(Metric("app", "m"), NOW + 0.5, (1.0,), (1.0,)),)
    assert (outcome.matched, outcome.quiet) == (frozenset({NOW}), frozenset({NOW + 60}))


@pytest.mark.parametrize(
    ("pattern", "value", "message", "expected"),
    [
        ("{ $.latency = * }", "$.latency", '{"latency": 12.5}', 12.5),
        ("{ $.latency = * }", "$.latency", '{"latency": "12.5"}', 12.5),
        ("{ $.l[*].v > 0 }", "$.l[1].v", '{"l": [{"v": 1}, {"v": 2}]}', 2.0),
        ("[ip, ..., bytes]", "$bytes", '1.1.1.1 "GET /" 200 1534', 1534.0),
        ("", "$.n", '{"n": 3}', 3.0),
        ("{ $.latency EXISTS }", "$.latency", '{"latency": "slow"}', None),
        ("{ $.latency EXISTS }", "$.latency", '{"latency": null}', None),
        ("{ $.a = 1 }", "$.latency", '{"a": 1}', None),
        ("{ $.a = 1 }", "$.v", '{"a": 1, "v": 1e999}', None),
    ],
)
def test_values_come_from_fields(pattern, value, message, expected):
    data = transform(compile_filter(rule(pattern, value)), [MS], [message]).data
    assert [datum.values for datum in data] == ([] if expected is None else [(expected,)])


def test_an_event_without_a_dimensions_field_yields_no_datum():
    compiled = compile_filter(rule("{ $.n > 0 }", "$.n", dimensions=(("svc", "$.svc"), ("env", "prod")), unit="Count"))
    messages = ['{"n": 1, "svc": "a"}', '{"n": 1}', '{"n": 1, "svc": null}', '{"n": 1, "svc": ""}']
    data = transform(compiled, [MS] * 4, messages).data
    assert [(d.metric.dimensions, d.unit) for d in data] == [((("env", "prod"), ("svc", "a")), "Count")]


def test_default_values_stand_at_the_start_of_their_minute():
    assert default_datum(rule("x", default=2.5), NOW) == Datum(Metric("app", "m"), float(NOW), (2.5,), (1.0,))


@pytest.mark.parametrize(
    "options",
    [{"default": 0.0, "dimensions": (("a", "$.a"),)}, {"dimensions": tuple((str(n), "$.a") for n in range(4))}],
)
def test_transformations_that_contradict_themselves_are_refused(options):
    with pytest.raises(Refused, match="Invalid metric transformation"):
        compile_filter(rule("x", **options))


def test_a_value_is_a_number_or_a_field():
    with pytest.raises(Refused, match="neither a number nor a field"):
        compile_filter(rule("x", "many"))


# --- Embedded Metric Format -------------------------------------------------------------------------------------------

names = st.sampled_from(["latency", "errors", "bytes"])
numbers = st.floats(-1e6, 1e6)
dimension_names = st.sampled_from(["svc", "zone", "Stage"])


@st.composite
def documents(draw):
    """A document by the rules, and the data it must become, built without looking at the document."""
    members = {
        name: draw(st.one_of(numbers, st.lists(numbers, min_size=1, max_size=4)))
        for name in draw(st.sets(names, min_size=1))
    }
    dimensions = draw(st.dictionaries(dimension_names, st.text(min_size=1, max_size=5)))
    sets = draw(
        st.lists(st.lists(st.sampled_from(sorted(dimensions)), unique=True) if dimensions else st.just([]), max_size=3)
    )
    resolution, unit = draw(st.sampled_from([1, 60])), draw(st.sampled_from(sorted(UNITS)))
    metrics = [{"Name": name, "Unit": unit, "StorageResolution": resolution} for name in members]
    directive = {"Namespace": "app", "Dimensions": sets, "Metrics": metrics}
    document = {"_aws": {"Timestamp": MS, "CloudWatchMetrics": [directive]}, **members, **dimensions}
    expected = Counter(
        Datum(
            Metric.of("app", name, {key: dimensions[key] for key in chosen}),
            float(NOW),
            tuple(value if isinstance(value, list) else [value]),
            (1.0,) * len(value if isinstance(value, list) else [value]),
            unit=unit,
            resolution=resolution,
        )
        for name, value in members.items()
        for chosen in (sets or [[]])
    )
    return document, expected


@given(documents())
def test_embedded_metrics_come_out_as_they_went_in(pair):
    document, expected = pair
    found = embedded_metrics([json.dumps(document)], NOW)
    assert (Counter(found.data), found.invalid) == (expected, 0)


def test_the_example_of_the_specification():
    message = json.dumps(
        {
            "_aws": {
                "Timestamp": MS,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "app",
                        "Dimensions": [["EndpointName"], ["EndpointName", "VariantName"], []],
                        "Metrics": [{"Name": "latency", "Unit": "Milliseconds", "StorageResolution": 60}],
                    }
                ],
            },
            "EndpointName": "ep",
            "VariantName": "v1",
            "latency": [12.5, 13.0],
        }
    )
    data = embedded_metrics([message], NOW).data
    assert [datum.metric.dimensions for datum in data] == [
        (("EndpointName", "ep"),), (("EndpointName", "ep"), ("VariantName", "v1")), (),
    ]  # fmt: skip
    assert {datum.values for datum in data} == {(12.5, 13.0)}


def document(**changes: object) -> dict[str, object]:
    directive = {"Namespace": "app", "Dimensions": [["d"]], "Metrics": [{"Name": "n"}], **changes.pop("directive", {})}
    header = {"Timestamp": MS, "CloudWatchMetrics": [directive], **changes.pop("header", {})}
    return {"_aws": header, "n": 1, "d": "x", **changes}


@pytest.mark.parametrize(
    "broken",
    [
        document(n="1"),
        document(n=True),
        document(n=[1] * 101),
        document(n=1e300),
        document(d=1),
        document(d=""),
        document(d="x" * 1025),
        document(directive={"Namespace": ""}),
        document(directive={"Namespace": "x" * 1025}),
        document(directive={"Dimensions": [["missing"]]}),
        document(directive={"Dimensions": [["d"] * 31]}),
        document(directive={"Metrics": [{"Name": "n"}] * 101}),
        document(directive={"Metrics": [{"Name": "n", "Unit": "Parsecs"}]}),
        document(directive={"Metrics": [{"Name": "n", "StorageResolution": 5}]}),
        document(header={"Timestamp": "now"}),
        document(header={"Timestamp": MS - 15 * 86_400_000}),
        document(header={"Timestamp": MS + 3 * 3_600_000}),
        document(header={"CloudWatchMetrics": {}}),
    ],
)
def test_a_document_that_breaks_the_format_is_counted_and_yields_nothing(broken):
    found = embedded_metrics([json.dumps(broken), json.dumps(document())], NOW)
    assert (len(found.data), found.invalid) == (1, 1)


@pytest.mark.parametrize("message", ["", "x", '"_aws"', '{"_aws": 1}', '["_aws"]', '{"_aws": {', '{"a": {"_aws": {}}}'])
def test_other_events_are_no_metrics(message):
    assert embedded_metrics([message], NOW).invalid == 0


def test_a_metric_whose_member_is_absent_is_not_reported():
    several = document(directive={"Metrics": [{"Name": "n"}, {"Name": "absent"}]})
    found = embedded_metrics([json.dumps(several)], NOW)
    assert ([datum.metric.name for datum in found.data], found.invalid) == (["n"], 0)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Timestamp", "CloudWatchMetrics", "Namespace", "Dimensions", "Metrics", "Name"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_document_breaks_the_reader(header):
    embedded_metrics([json.dumps({"_aws": header})], NOW)
