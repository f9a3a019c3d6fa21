"""Who gets a request, in which steps traffic moves, and what is counted of it: laws."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.identity import Datum
from watchpost.runners import Upstream
from watchpost.service.endpoints.documents import Publishing
from watchpost.service.endpoints.gateway_figures import Counted, Figures, Outcome
from watchpost.service.endpoints.gateway_routes import LiveVariant, Route, Share
from watchpost.service.endpoints.policies import shift_of, termination_wait
from watchpost.service.endpoints.runner_fleets import UpstreamFleet

NOWHERE = Upstream("http://127.0.0.1:9", ping=None)


def variant(name: str) -> LiveVariant:
    return LiveVariant(name, UpstreamFleet(NOWHERE, name, 1, 1.0, checked=False), Counted("e", name))


weights = st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=6).filter(lambda found: sum(found) > 0)


@given(weights, st.floats(0, 1, exclude_max=True))
def test_a_variant_of_weight_zero_gets_nothing(found: list[float], drawn: float) -> None:
    route = Route("e", tuple(Share(variant(f"v{i}"), weight) for i, weight in enumerate(found)))
    chosen = route.choose("", lambda: drawn)
    assert found[int(chosen.name[1:])] > 0


@given(weights, st.data())
def test_who_names_a_variant_gets_it_whatever_its_weight(found: list[float], data: st.DataObject) -> None:
    route = Route("e", tuple(Share(variant(f"v{i}"), weight) for i, weight in enumerate(found)))
    name = data.draw(st.sampled_from([share.variant.name for share in route.shares]))
    assert route.choose(name, lambda: 0.5).name == name


def test_shares_follow_the_weights() -> None:
    route = Route("e", (Share(variant("a"), 1), Share(variant("b"), 2), Share(variant("c"), 7)))
    drawn = np.random.default_rng(5)
    seen = Counter(route.choose("", drawn.random).name for _ in range(20_000))
    # Three standard deviations of a binomial count.
    for name, part in (("a", 0.1), ("b", 0.2), ("c", 0.7)):
        assert abs(seen[name] - 20_000 * part) < 3 * np.sqrt(20_000 * part * (1 - part))


def test_a_variant_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refused, match="It has: a") as refusal:
        Route("e", (Share(variant("a"), 1),)).choose("b", lambda: 0.5)
    assert refusal.value.fault == "ValidationError"


sizes = st.builds(dict, Type=st.sampled_from(["CAPACITY_PERCENT", "INSTANCE_COUNT"]), Value=st.integers(1, 100))


@given(
    st.builds(
        dict,
        Type=st.sampled_from(["ALL_AT_ONCE", "CANARY", "LINEAR"]),
        WaitIntervalInSeconds=st.integers(0, 3600),
        CanarySize=sizes,
        LinearStepSize=sizes,
    ),
    st.integers(1, 20),
)
def test_every_policy_moves_all_traffic_in_growing_steps(routing: dict[str, object], instances: int) -> None:
    shift = shift_of({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}, instances)
    assert shift.steps[-1] == 1
    assert all(0 < step <= 1 for step in shift.steps)
    assert list(shift.steps) == sorted(set(shift.steps))
    assert shift.fraction == 0


@pytest.mark.parametrize(
    ("routing", "steps"),
    [
        ({"Type": "ALL_AT_ONCE"}, (1.0,)),
        ({"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}, (0.1, 1.0)),
        ({"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}, (0.25, 1.0)),
        ({"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 33}}, (0.33, 0.66, 0.99, 1.0)),
        ({"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50}}, (0.5, 1.0)),
    ],
)
def test_steps_of_the_policies_are_those_of_the_reference(routing: dict[str, object], steps: tuple[float, ...]) -> None:
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 7}}
    assert shift_of(policy, 4).steps == steps
    assert termination_wait(policy) == 7


outcomes = st.builds(
    Outcome,
    status=st.none() | st.sampled_from([200, 201, 400, 404, 500, 503, 302]),
    model_us=st.none() | st.integers(0, 10**8),
    overhead_us=st.integers(0, 10**6),
    instance=st.sampled_from(["i-1", "i-2"]),
    instances=st.integers(1, 3),
)


def told(data: list[Datum], name: str, dimensions: int = 2) -> tuple[float, float]:
    """(sum, count) of a metric with so many dimensions."""
    own = [d for d in data if d.metric.name == name and len(d.metric.dimensions) == dimensions]
    total = sum(value * n for datum in own for value, n in zip(datum.values, datum.counts, strict=True))
    return total, sum(n for datum in own for n in datum.counts)


@given(st.lists(st.tuples(st.floats(0, 600), outcomes), min_size=1, max_size=40), st.booleans())
def test_figures_add_up_however_they_fall_into_minutes(happened: list[tuple[float, Outcome]], enhanced: bool) -> None:
    figures, counted = Figures(), Counted("e", "v", Publishing(10, enhanced))
    for at, outcome in happened:
        figures.record(counted, at, outcome)
    data = [datum for second in range(0, 700, 7) for datum in figures.due(second)]
    for dimensions in (2, 3) if enhanced else (2,):
        assert told(data, "Invocations", dimensions) == (len(happened), len(happened))
        for name, low in (("Invocation4XXErrors", 400), ("Invocation5XXErrors", 500)):
            errors = sum(1 for _, outcome in happened if low <= (outcome.status or 0) < low + 100)
            assert told(data, name, dimensions) == (errors, len(happened))
        failed = sum(1 for _, outcome in happened if not 200 <= (outcome.status or 0) < 300)
        assert told(data, "InvocationModelErrors", dimensions) == (failed, len(happened))
        asked = [outcome.model_us for _, outcome in happened if outcome.model_us is not None]
        assert told(data, "ModelLatency", dimensions) == (sum(asked), len(asked))
    assert {datum.unit for datum in data if datum.metric.name.endswith("Latency")} <= {"Microseconds"}
    # Data by the second are kept only where they were asked for.
    assert {datum.resolution for datum in data} == {1 if enhanced else 60}


def test_an_interval_without_requests_is_reported_as_zero_once() -> None:
    figures, counted = Figures(), Counted("e", "v")
    figures.watch(frozenset({counted}), 30)
    data = [datum for second in range(30, 200) for datum in figures.due(second)]
    assert [(datum.metric.name, datum.timestamp, datum.values) for datum in data] == [
        ("Invocations", start, (0.0,)) for start in (0.0, 60.0, 120.0)
    ]
    figures.watch(frozenset(), 200)
    assert figures.due(500) == []


def test_memory_is_bounded_however_many_latencies_there_are() -> None:
    figures, counted = Figures(), Counted("e", "v")
    for latency in range(20_000):
        figures.record(counted, 0, Outcome(200, latency, 0, "i"))
    [latencies] = [datum for datum in figures.due(60) if datum.metric.name == "ModelLatency"]
    assert len(latencies.values) < 5_200
    total = sum(value * n for value, n in zip(latencies.values, latencies.counts, strict=True))
    assert total == pytest.approx(sum(range(20_000)), rel=0.01)


def test_a_drained_variant_takes_no_request_and_waits_for_those_it_took() -> None:
    one = variant("a")
    assert one.enter()
    assert not one.drain(0.0)
    assert not one.enter()
    one.leave()
    assert one.drain(0.0)
