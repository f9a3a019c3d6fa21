"""Replaying history: the same evaluation, at the same ticks, over recorded data."""

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.backtest import backtest
from watchpost.alarms.records import Transition
from watchpost.metrics.identity import MetricStat, Points
from watchpost.windows import Window

from .alarms_of import LATENCY, NOON, alarm


def recorded(values: list[float | None], start: datetime = NOON) -> Points:
    stamps = [int(start.timestamp()) + 60 * place for place in range(len(values))]
    kept = [(stamp, value) for stamp, value in zip(stamps, values, strict=True) if value is not None]
    return Points(np.array([s for s, _ in kept], np.int64), np.array([v for _, v in kept], np.float64))


def told(transitions: list[Transition]) -> list[tuple[str, str]]:
    return [(each.at.strftime("%H:%M"), each.after.value) for each in transitions]


def test_a_replay_finds_every_transition_at_its_minute() -> None:
    series = recorded([1.0, 20.0, 20.0, 1.0])
    found = backtest(alarm(), series, Window(NOON + timedelta(minutes=1), NOON + timedelta(minutes=8)))
    assert told(found) == [("12:01", "OK"), ("12:02", "ALARM"), ("12:04", "OK"), ("12:07", "INSUFFICIENT_DATA")]


def test_a_five_minute_alarm_looks_at_windows_that_slide_by_a_minute() -> None:
    """The guide's example: at 12:15 it uses 12:00, 12:05, 12:10; at 12:16 it uses 12:01, 12:06, 12:11."""
    breaching = {1, 6, 11}
    series = recorded([20.0 if minute in breaching else 1.0 for minute in range(20)])
    watcher = alarm(stat=MetricStat(LATENCY.metric, 300, "Average"), evaluation_periods=3)
    found = backtest(watcher, series, Window(NOON + timedelta(minutes=15), NOON + timedelta(minutes=18)))
    assert told(found) == [("12:15", "OK"), ("12:16", "ALARM"), ("12:17", "OK")]


def test_a_stop_in_the_past_invents_nothing() -> None:
    stop = Window(NOON + timedelta(minutes=3), NOON + timedelta(minutes=30))
    series = recorded([1.0] * 3 + [None] * 27 + [1.0] * 10)
    window = Window(NOON + timedelta(minutes=1), NOON + timedelta(minutes=40))
    assert told(backtest(alarm(treatment="breaching"), series, window, stops=[stop])) == [("12:01", "OK")]
    assert len(backtest(alarm(treatment="breaching"), series, window)) > 1


@given(st.lists(st.sampled_from([1.0, 20.0, None]), min_size=5, max_size=40), st.integers(1, 3))
def test_transitions_of_a_replay_form_a_chain(values: list[float | None], periods: int) -> None:
    window = Window(NOON, NOON + timedelta(minutes=len(values) + 5))
    found = backtest(alarm(evaluation_periods=periods), recorded(values), window)
    assert all(each.before.value != each.after.value for each in found)
    assert all(one.after == two.before for one, two in pairwise(found))
    assert [each.at for each in found] == sorted(each.at for each in found)


@given(st.lists(st.sampled_from([1.0, 20.0, None]), min_size=10, max_size=30), st.integers(1, 29))
def test_the_future_changes_nothing_in_the_past(values: list[float | None], cut: int) -> None:
    end = NOON + timedelta(minutes=min(cut, len(values)))
    whole = backtest(alarm(), recorded(values), Window(NOON, end))
    assert whole == backtest(alarm(), recorded(values[: min(cut, len(values))]), Window(NOON, end))
