"""The store of reported data: what was taken in is answered for, once, whatever is folded, restarted or shared."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.metrics.identity import Datum, Metric, MetricStat, Points
from watchpost.service.clock import ManualClock
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.open import open_store
from watchpost.stores.store import Store, Transaction

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SECOND = int(NOON.timestamp())
LATENCY = Metric.of("app", "latency", {"endpoint": "a", "variant": "blue"})
OTHER = Metric.of("app", "latency", {"endpoint": "b"})
STATS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum", "p50", "TM(10%:90%)")


@pytest.fixture
def metrics(store: Store, clock: ManualClock) -> Metrics:
    clock.advance((NOON - clock.now()).total_seconds())
    return Metrics(store, clock)


def datum(ago: float, value: float, metric: Metric = LATENCY, unit: str = "None", resolution: int = 60) -> Datum:
    return Datum(metric, SECOND - ago, (value,), (1.0,), None, unit, resolution)


def pairs(points: Points) -> dict[int, float]:
    """Value by seconds before noon."""
    return {SECOND - t: v for t, v in zip(points.timestamps.tolist(), points.values.tolist(), strict=True)}


# --- a slow reference -----------------------------------------------------------------------------------------------


def reference(data: Sequence[Datum], stat: MetricStat, start: int, end: int) -> dict[int, float]:
    """The answer from all data written out, one unit."""
    samples: dict[int, list[float]] = {}
    for each in data:
        moment = int(each.timestamp) if each.resolution == 1 else int(each.timestamp) // 60 * 60
        period = start + (moment - start) // stat.period * stat.period
        if each.metric == stat.metric and start <= period < end:
            for value, count in zip(each.values, each.counts, strict=True):
                samples.setdefault(period, []).extend([value] * int(count))
    return {period: figure(values, stat.stat) for period, values in sorted(samples.items())}


def figure(values: list[float], stat: str) -> float:
    match stat:
        case "SampleCount":
            return float(len(values))
        case "TM(10%:90%)":
            edges = np.clip(np.arange(len(values) + 1), 0.1 * len(values), 0.9 * len(values))
            return float(np.average(sorted(values), weights=np.diff(edges)))
        case "p50":
            return float(np.median(values))
    return float({"Sum": np.sum, "Average": np.mean, "Minimum": np.min, "Maximum": np.max}[stat](values))


def agree(metrics: Metrics, data: Sequence[Datum], now: int) -> None:
    start = now - 3 * 3600
    questions = [MetricStat(m, p, s) for m in (LATENCY, OTHER) for p in (60, 300, 3600) for s in STATS]
    for question, points in zip(questions, metrics.read_many(questions, start, now + 7200), strict=True):
        expected = reference(data, question, start, now + 7200)
        assert points.timestamps.tolist() == list(expected), question
        assert points.values == pytest.approx(list(expected.values())), question


# --- whatever happens, the answers stay -----------------------------------------------------------------------------

DATA = st.builds(
    lambda metric, ago, pairs, resolution: Datum(
        metric, SECOND - ago, tuple(map(float, pairs)), tuple(map(float, pairs.values())), None, "None", resolution
    ),
    st.sampled_from((LATENCY, OTHER)),
    st.integers(-1800, 7000),
    st.dictionaries(st.integers(0, 30), st.integers(1, 5), min_size=1, max_size=4),
    st.sampled_from((1, 60)),
)
STEPS = st.lists(
    st.lists(DATA, min_size=1, max_size=4) | st.sampled_from(("fold", "ask", "wait", "restart", "other")), max_size=14
)


def play(steps: Sequence[list[Datum] | str], open_: Callable[[], Store]) -> None:
    """Put data by one of two servers, fold, wait and restart in any order; then both answer like the reference."""
    clock, data = ManualClock(NOON), list[Datum]()
    stores = [open_(), open_()]
    servers = [Metrics(store, clock) for store in stores]
    now = 0
    for step in steps:
        match step:
            case "fold":
                servers[now].fold(clock.now())
            case "ask":
                agree(servers[now], data, SECOND)
            case "wait":
                clock.advance(1000)
            case "restart":
                servers[now] = Metrics(stores[now], clock)
            case "other":
                now = 1 - now
            case list():
                servers[now].put(step)
                data += step
    for server in servers:
        agree(server, data, SECOND)
    for store in stores:
        store.close()


@settings(max_examples=40)
@given(STEPS)
def test_folding_restarting_and_sharing_change_no_answer(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Datum] | str]
) -> None:
    path = tmp_path_factory.mktemp("store") / "watchpost.db"
    play(steps, lambda: open_store(path))


def test_servers_on_one_postgresql_read_each_others_data(postgresql_url: str) -> None:
    one, two = [datum(60 * i, float(i)) for i in range(90)], [datum(30, 5.0), datum(90, 6.0, OTHER)]
    steps = [one, "other", two, "fold", two, "ask", "other", "fold", "ask", one, "other", "wait", "wait", "wait"]
    play(
        [*steps, "wait", "wait", "wait", "fold", "ask", two, "other", "ask", "fold"], lambda: open_store(postgresql_url)
    )


def test_what_is_folded_by_size_is_answered_the_same(store: Store) -> None:
    metrics = Metrics(store, ManualClock(NOON), most_recent=3)
    data = [datum(60 * i, float(i)) for i in range(10)]
    for part in (data[:5], data[5:]):
        metrics.put(part)
        metrics.fold(NOON)
    agree(metrics, data, SECOND)


def test_each_acknowledged_datum_is_counted_once_while_others_fold_and_read(tmp_path: Path) -> None:
    clock, stores = ManualClock(NOON), [open_store(tmp_path / "watchpost.db") for _ in range(2)]
    servers = [Metrics(store, clock, most_recent=4) for store in stores]
    question, done = MetricStat(LATENCY, 300, "SampleCount"), Event()

    def put(server: Metrics) -> None:
        for i in range(40):
            server.put([datum(60 * (i % 5), 1.0), datum(60, 1.0, Metric.of("app", f"m{i}"))])

    def fold(server: Metrics) -> None:
        while not done.is_set():
            server.fold(clock.advance(400))

    def count(server: Metrics) -> list[float]:
        # The clock runs on meanwhile; a period of five minutes is answered for 63 days.
        seen = [0.0]
        while not done.is_set():
            seen.append(float(server.read(question, SECOND - 600, SECOND + 300).values.sum()))
        return seen

    with ThreadPoolExecutor(8) as pool:
        others = [pool.submit(fold, server) for server in servers]
        counts = [pool.submit(count, server) for server in servers]
        for writer in [pool.submit(put, server) for server in servers * 2]:
            writer.result()
        done.set()
        for other in others:
            other.result()
        for each in counts:
            assert each.result() == sorted(each.result())
    for server, store in zip(servers, stores, strict=True):
        assert server.read(question, SECOND - 600, SECOND + 300).values.sum() == 160
        store.close()


def test_data_put_within_a_transaction_share_its_fate(metrics: Metrics, store: Store) -> None:
    def fail(tx: Transaction) -> None:
        metrics.put_within(tx, [datum(0, 1.0), datum(0, 1.0, OTHER)])
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fail)
    assert metrics.metrics(now=NOON) == []
    store.write(lambda tx: metrics.put_within(tx, [datum(0, 2.0)]))
    metrics.put([datum(0, 3.0)])
    assert pairs(metrics.read(MetricStat(LATENCY, 60, "Sum"), SECOND, SECOND + 60)) == {0: 5.0}


def test_names_of_any_characters_are_kept(metrics: Metrics, store: Store, clock: ManualClock) -> None:
    odd = Metric.of("a\0b", "naïve ☃", {"k" * 255: "v\0" * 500})
    metrics.put([datum(0, 1.0, odd)])
    again = Metrics(store, clock)
    assert again.metrics(now=NOON) == [odd]
    clock.advance(20 * 86_400)
    assert len(again.read(MetricStat(odd, 300, "Sum"), SECOND, SECOND + 300)) == 1


# --- age ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def aged(metrics: Metrics, clock: ManualClock) -> Iterator[Callable[[float], Metrics]]:
    """The metrics with two days of data, so many days later."""
    metrics.put([datum(60 * i, float(i % 7)) for i in range(2 * 1440)])

    def later(days: float) -> Metrics:
        clock.advance((NOON + timedelta(days=days) - clock.now()).total_seconds())
        metrics.fold(clock.now())
        return metrics

    return later


def daily(metrics: Metrics, period: int, stat: str) -> list[float]:
    # Midnight is where the coarsest periods meet.
    midnight = SECOND - 12 * 3600
    return metrics.read(MetricStat(LATENCY, period, stat), midnight - 86_400, midnight).values.tolist()


@pytest.mark.parametrize(("days", "finest"), [(13, 60), (13.5, 60), (40, 300), (61.5, 300), (70, 3600), (453, 3600)])
@pytest.mark.parametrize("stat", ["Sum", "Maximum", "p90"])
def test_data_are_rolled_up_as_they_age_and_forget_nothing_but_detail(
    aged: Callable[[float], Metrics], days: float, finest: int, stat: str
) -> None:
    young = {period: daily(aged(0), period, stat) for period in (60, 300, 3600)}
    old = aged(days)
    for period in (60, 300, 3600):
        expected = young[period] if period >= finest else []
        assert daily(old, period, stat) == pytest.approx(expected), period


def test_data_older_than_the_longest_keeping_are_gone(aged: Callable[[float], Metrics], store: Store) -> None:
    assert daily(aged(470), 3600, "Sum") == []

    def rows(tx: Transaction) -> list[int]:
        tables = ("metric_chunks", "metric_log", "metric_series")
        return [tx.connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar() or 0 for t in tables]

    assert store.read(rows) == [0, 0, 0]


def test_a_question_that_reaches_too_far_back_is_answered_for_the_rest(aged: Callable[[float], Metrics]) -> None:
    points = aged(14).read(MetricStat(LATENCY, 60, "Sum"), SECOND - 2 * 86_400, SECOND + 60)
    assert points.timestamps[0] == SECOND - 86_400
    assert len(points) == 1441


def test_periods_below_a_minute_are_answered_for_three_hours(metrics: Metrics, clock: ManualClock) -> None:
    metrics.put([datum(10 * i, 1.0, resolution=1) for i in range(60)])
    question = MetricStat(LATENCY, 10, "Sum")
    assert len(metrics.read(question, SECOND - 590, SECOND + 10)) == 60
    clock.advance(3 * 3600 + 300)
    metrics.fold(clock.now())
    assert min(pairs(metrics.read(question, SECOND - 590, SECOND + 10)), default=None) is None
    by_minute = metrics.read(MetricStat(LATENCY, 60, "Sum"), SECOND - 540, SECOND + 60)
    assert by_minute.values.tolist() == [6.0] * 9 + [1.0]


@pytest.mark.parametrize("period", [1, 5, 10, 20, 30])
def test_seconds_are_kept_apart_at_a_resolution_of_one(metrics: Metrics, period: int) -> None:
    metrics.put([datum(i, float(i), resolution=1) for i in range(1, 61)])
    points = metrics.read(MetricStat(LATENCY, period, "SampleCount"), SECOND - 60, SECOND)
    assert points.values.tolist() == [float(period)] * (60 // period)


# --- units and lists ------------------------------------------------------------------------------------------------


def test_without_a_unit_the_preferred_one_with_data_in_the_range_answers(metrics: Metrics) -> None:
    metrics.put([datum(60, 1.0, unit="Seconds"), datum(120, 2.0, unit="Milliseconds"), datum(120, 3.0, unit="Seconds")])
    question = MetricStat(LATENCY, 60, "Sum")
    assert metrics.units([LATENCY, OTHER]) == [("Milliseconds", "Seconds"), ()]
    assert pairs(metrics.read(question, SECOND - 300, SECOND)) == {120: 2.0}
    assert pairs(metrics.read(question, SECOND - 60, SECOND)) == {60: 1.0}
    assert pairs(metrics.read(replace(question, unit="Seconds"), SECOND - 300, SECOND)) == {60: 1.0, 120: 3.0}
    assert pairs(metrics.read(replace(question, unit="Bytes"), SECOND - 300, SECOND)) == {}


def test_every_unit_has_a_column_of_statistics_of_its_own(metrics: Metrics) -> None:
    metrics.put([datum(60, 1.0, unit="Seconds"), datum(60, 2.0, unit="Milliseconds")])
    columns = metrics.statistics(LATENCY, ["Sum", "p50"], 60, SECOND - 60, SECOND)
    assert [(c.unit, c.values.tolist()) for c in columns] == [
        ("Milliseconds", [[2.0], [2.0]]),
        ("Seconds", [[1.0], [1.0]]),
    ]


@pytest.mark.parametrize(
    ("dimensions", "found"),
    [
        ((), [LATENCY, OTHER]),
        ((("endpoint", "a"),), [LATENCY]),
        ((("endpoint", None),), [LATENCY, OTHER]),
        ((("variant", None), ("endpoint", "a")), [LATENCY]),
        ((("variant", "green"),), []),
    ],
)
def test_metrics_are_found_by_some_of_their_dimensions(
    metrics: Metrics, dimensions: tuple[tuple[str, str | None], ...], found: list[Metric]
) -> None:
    metrics.put([datum(0, 1.0), datum(0, 1.0, OTHER)])
    assert metrics.metrics("app", "latency", dimensions, now=NOON) == found
    assert metrics.metrics("other", None, dimensions, now=NOON) == []
    assert metrics.metrics(None, "nothing", dimensions, now=NOON) == []


def test_a_metric_is_listed_for_two_weeks_after_its_last_datum(metrics: Metrics, store: Store) -> None:
    metrics.put([datum(0, 1.0)])
    week = timedelta(days=7)
    for server in (metrics, Metrics(store, ManualClock(NOON))):
        assert server.metrics(now=NOON + 2 * week) == [LATENCY]
        assert server.metrics(now=NOON + 2 * week + timedelta(seconds=1)) == []
        assert server.metrics(now=NOON + timedelta(hours=4), active_seconds=3 * 3600) == []


def test_a_metric_that_was_silent_for_long_is_listed_again_and_keeps_its_history(
    metrics: Metrics, clock: ManualClock
) -> None:
    metrics.put([datum(0, 1.0)])
    clock.advance(20 * 86_400)
    metrics.fold(clock.now())
    assert metrics.metrics(now=clock.now()) == []
    metrics.put([datum(-20 * 86_400, 5.0)])
    assert metrics.metrics(now=clock.now()) == [LATENCY]
    points = metrics.read(MetricStat(LATENCY, 300, "Sum"), SECOND, SECOND + 21 * 86_400)
    assert pairs(points) == {0: 1.0, -20 * 86_400: 5.0}


def test_listing_survives_the_log_and_the_process(metrics: Metrics, store: Store, clock: ManualClock) -> None:
    metrics.put([datum(0, 1.0)])
    for _ in range(3):
        clock.advance(86_400)
        metrics.put([datum(SECOND - clock.now().timestamp(), 1.0)])
        metrics.fold(clock.now())
    again = Metrics(store, clock)
    assert again.metrics(now=clock.now() + timedelta(days=13)) == [LATENCY]


# --- windows of alarms ----------------------------------------------------------------------------------------------


def windows_by_reading(metrics: Metrics, stats: Sequence[MetricStat], end: int, count: int) -> np.ndarray:
    answer = np.full((len(stats), count), np.nan)
    for period in {stat.period for stat in stats}:
        start = end - count * period
        rows = [row for row, stat in enumerate(stats) if stat.period == period]
        for row, points in zip(rows, metrics.read_many([stats[row] for row in rows], start, end), strict=True):
            answer[row, (points.timestamps - start) // period] = points.values
    return answer


QUESTIONS = [
    MetricStat(metric, period, stat)
    for metric in (LATENCY, OTHER, Metric.of("app", "unknown"))
    for period in (10, 30, 60, 300, 3600)
    for stat in ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "p90")
]


@settings(max_examples=25)
@given(
    st.lists(st.lists(DATA, min_size=1, max_size=8) | st.sampled_from(("fold", "wait")), min_size=1, max_size=8),
    st.integers(1, 6),
)
def test_windows_are_what_reading_them_one_by_one_gives(steps: list[list[Datum] | str], count: int) -> None:
    store, clock = open_store("sqlite://"), ManualClock(NOON)
    metrics = Metrics(store, clock)
    selection = metrics.select(QUESTIONS)
    for step in steps:
        match step:
            case "fold":
                metrics.fold(clock.now())
            case "wait":
                clock.advance(600)
            case list():
                metrics.put(step)
        end = int(clock.now().timestamp())
        expected = windows_by_reading(metrics, QUESTIONS, end, count)
        np.testing.assert_allclose(metrics.windows(selection, end, count), expected, rtol=1e-9)
    store.close()


def test_windows_see_what_other_servers_took_in(tmp_path: Path) -> None:
    clock, stores = ManualClock(NOON), [open_store(tmp_path / "watchpost.db") for _ in range(2)]
    one, two = (Metrics(store, clock) for store in stores)
    selection = one.select([MetricStat(LATENCY, 60, "Sum")])
    assert np.isnan(one.windows(selection, SECOND, 2)).all()
    two.put([datum(60, 1.0)])
    assert one.windows(selection, SECOND, 2)[0].tolist()[1:] == [1.0]
    two.put([datum(60, 2.0)])
    two.fold(clock.now())
    assert one.windows(selection, SECOND, 2)[0].tolist()[1:] == [3.0]
    assert one.sample_counts(selection, SECOND, 2).tolist() == [[0.0, 2.0]]
    for store in stores:
        store.close()


def test_windows_of_several_units_are_the_same_before_and_after_the_names_were_read(
    store: Store, clock: ManualClock
) -> None:
    before = Metrics(store, clock)
    before.put([datum(60, 1.0, unit="Seconds"), datum(60, 2.0, unit="Percent"), datum(60, 3.0, OTHER, "Bytes")])
    units = (None, "Seconds", "Percent", "Bytes")
    stats = [MetricStat(metric, 60, "Sum", unit) for metric in (LATENCY, OTHER) for unit in units]
    for _ in range(2):
        fresh = Metrics(store, clock)
        selection = fresh.select(stats)
        found = fresh.windows(selection, SECOND, 1)[:, 0]
        np.testing.assert_array_equal(found, [2.0, 1.0, 2.0, np.nan, 3.0, np.nan, np.nan, 3.0])
        fresh.look()
        np.testing.assert_array_equal(fresh.windows(selection, SECOND, 1)[:, 0], found)
        assert fresh.units([LATENCY, OTHER]) == [("Percent", "Seconds"), ("Bytes",)]
        fresh.fold(clock.now())


def test_statistics_that_say_the_same_in_other_words_have_the_same_windows(metrics: Metrics) -> None:
    metrics.put([datum(60, float(value)) for value in range(1, 9)])
    same = [MetricStat(LATENCY, 60, stat) for stat in ("IQM", "TM(25%:75%)", "IQM")]
    found = metrics.windows(metrics.select(same), SECOND, 1)
    assert found.tolist() == [[4.5]] * 3


def test_a_series_that_fell_silent_gives_its_place_to_another_unit(store: Store, clock: ManualClock) -> None:
    metrics = Metrics(store, clock)
    selection = metrics.select([MetricStat(LATENCY, 60, "Sum")])
    metrics.put([datum(60, 2.0, unit="Percent")])
    assert metrics.windows(selection, SECOND, 1).tolist() == [[2.0]]
    clock.advance(14 * 86_400)
    metrics.put([replace(datum(0, 1.0, unit="Seconds"), timestamp=clock.now().timestamp())])
    clock.advance(2 * 86_400)
    metrics.fold(clock.now())
    assert metrics.units([LATENCY]) == [("Seconds",)]
    metrics.put([replace(datum(0, 5.0, unit="Seconds"), timestamp=clock.now().timestamp() - 60)])
    assert metrics.windows(selection, int(clock.now().timestamp()), 1).tolist() == [[5.0]]


def test_data_ahead_of_the_clock_are_in_their_window_when_it_comes(metrics: Metrics, clock: ManualClock) -> None:
    selection = metrics.select([MetricStat(LATENCY, 60, "Sum")])
    metrics.put([datum(0, 1.0)])
    assert metrics.windows(selection, SECOND + 60, 1).tolist() == [[1.0]]
    metrics.put([datum(-3600, 2.0)])
    clock.advance(3660)
    assert metrics.windows(selection, SECOND + 3660, 1).tolist() == [[2.0]]
