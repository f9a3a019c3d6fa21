"""Figures that are known better now replace what was there: on every server, in memory and in history of any age."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.metrics.identity import Datum, Metric, MetricStat
from watchpost.service.clock import ManualClock
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.open import open_store
from watchpost.stores.store import Store

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SECOND = int(NOON.timestamp())
HOUR, DAY = 3600, 86_400
AUC = Metric.of("quality", "auc", {"Endpoint": "homes"})
RECALL = Metric.of("quality", "recall", {"Endpoint": "homes"})


def datum(hours_ago: int, value: float, metric: Metric = AUC) -> Datum:
    return Datum(metric, SECOND - hours_ago * HOUR, (value,), (1.0,))


def hourly(metrics: Metrics, metric: Metric = AUC, hours: int = 60 * 24) -> dict[int, tuple[float, float]]:
    """(sum, sample count) by hours before noon."""
    questions = [MetricStat(metric, HOUR, stat) for stat in ("Sum", "SampleCount")]
    sums, counts = metrics.read_many(questions, SECOND - hours * HOUR, SECOND + DAY)
    pairs = zip(sums.timestamps.tolist(), sums.values.tolist(), counts.values.tolist(), strict=True)
    return {(SECOND - at) // HOUR: (total, count) for at, total, count in pairs}


@pytest.fixture
def metrics(store: Store, clock: ManualClock) -> Metrics:
    return Metrics(store, clock)


step = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 5), st.floats(0, 9, width=16)),
    st.tuples(st.just("replace"), st.integers(0, 5), st.floats(0, 9, width=16)),
    st.tuples(st.just("remove"), st.integers(0, 5), st.just(0.0)),
    st.tuples(st.sampled_from(["fold", "ask", "restart"]), st.integers(0, 1), st.just(0.0)),
    st.tuples(st.just("age"), st.sampled_from([1, 20, 24 * 16, 24 * 70]), st.just(0.0)),
)


@given(st.lists(step, min_size=1, max_size=14))
@settings(max_examples=30)
def test_a_replaced_datapoint_is_all_there_is_on_every_server_whatever_was_folded(
    steps: list[tuple[str, int, float]],
) -> None:
    store, clock = open_store("sqlite://"), ManualClock(NOON)
    servers = [Metrics(store, clock), Metrics(store, clock)]
    known: dict[int, list[float]] = {}
    for what, number, value in steps:
        match what:
            case "put":
                servers[0].put([datum(number, value)])
                known.setdefault(number, []).append(value)
            case "replace":
                store.write(lambda tx, n=number, v=value: servers[1].replace_within(tx, [datum(n, v)]))  # type: ignore[misc]  # mypy does not infer lambdas with defaults
                known[number] = [value]
            case "remove":
                store.write(lambda tx, n=number: servers[0].replace_within(tx, [], [datum(n, 0.0)]))  # type: ignore[misc]  # as above
                known.pop(number, None)
            case "fold":
                servers[number].fold(clock.now())
            case "restart":
                servers[number] = Metrics(store, clock)
            case "age":
                clock.advance(number * HOUR)
            case _:
                hourly(servers[number])
    expected = {hour: (pytest.approx(sum(values)), len(values)) for hour, values in known.items()}
    assert [hourly(server) for server in servers] == [expected, expected]
    store.close()


def test_what_alarms_watch_is_replaced_too(metrics: Metrics, store: Store) -> None:
    metrics.put([datum(1, 0.9), datum(2, 0.8)])
    selection = metrics.select([MetricStat(AUC, HOUR, "Maximum")])
    before = metrics.windows(selection, SECOND, 2).tolist()
    store.write(lambda tx: metrics.replace_within(tx, [datum(1, 0.5)]))
    assert (before, metrics.windows(selection, SECOND, 2).tolist()) == ([[0.8, 0.9]], [[0.8, 0.5]])


def test_other_series_and_other_hours_stay(metrics: Metrics, store: Store, clock: ManualClock) -> None:
    metrics.put([datum(1, 0.9), datum(2, 0.8), datum(1, 0.7, RECALL)])
    metrics.fold(clock.advance(2 * HOUR))
    store.write(lambda tx: metrics.replace_within(tx, [datum(1, 0.5)], [datum(3, 0.0, RECALL)]))
    assert hourly(metrics) == {1: (0.5, 1), 2: (0.8, 1)}
    assert hourly(metrics, RECALL) == {1: (0.7, 1)}


def test_a_replacement_shares_the_fate_of_its_transaction(metrics: Metrics, store: Store) -> None:
    metrics.put([datum(1, 0.9)])

    def work(tx):  # type: ignore[no-untyped-def]  # it only raises
        metrics.replace_within(tx, [datum(1, 0.5)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(work)
    assert hourly(metrics) == {1: (0.9, 1)}


def test_history_of_weeks_is_replaced_where_it_was_rolled_up(
    metrics: Metrics, store: Store, clock: ManualClock
) -> None:
    metrics.put([datum(1, 0.9), datum(2, 0.8)])
    now = clock.advance(20 * DAY)
    metrics.fold(now)
    store.write(lambda tx: metrics.replace_within(tx, [datum(1, 0.5)]))
    metrics.fold(clock.advance(timedelta(days=1).total_seconds()))
    assert hourly(metrics) == {1: (0.5, 1), 2: (0.8, 1)}
