"""The picture of what an alarm watched."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.records import MetricAlarm
from watchpost.fronts.web.plot import HEIGHT, WIDTH, described, series_plot
from watchpost.fronts.web.series import SPANS, Watched, possible_spans, usual_span
from watchpost.metrics.identity import Metric, MetricStat

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PERIODS = st.sampled_from([10, 30, 60, 300, 3600, 86_400])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.just(float("nan"))


@st.composite
def watched(draw) -> Watched:
    period = draw(PERIODS)
    rows = draw(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, st.booleans()), min_size=2, max_size=15))
    values, lower, upper = (np.array([row[i] for row in rows]) for i in range(3))
    hits = np.array([row[3] for row in rows]) & ~np.isnan(values)
    start = draw(st.integers(0, 4_000_000_000 // period)) * period
    starts = start + period * np.arange(len(rows), dtype=np.int64)
    return Watched(starts, values, lower, upper, hits, period, draw(st.booleans()))


@given(series=watched(), name=st.text(max_size=50), spans=st.lists(st.tuples(st.floats(0, 5e9), st.floats(0, 5e9))))
def test_whatever_the_numbers_the_picture_is_whole_and_within_its_frame(series, name, spans) -> None:
    svg = series_plot(name, series, spans)
    assert "nan" not in svg.replace(described(series), "").partition("<desc")[2].partition("</desc>")[2]
    root = ET.fromstring(svg)
    for element in root.iter():
        for name_, limit in (("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)):
            assert 0 <= float(element.get(name_, 0)) <= limit
    assert len(root.findall("circle")) == min(60, int(series.hits.sum()))


def alarm(period: int) -> MetricAlarm:
    stat = MetricStat(Metric.of("n", "m"), period, "Sum")
    return MetricAlarm("a", "arn", NOW, NOW, 1, "GreaterThanThreshold", stat, threshold=1.0)


@given(period=PERIODS, minutes=st.integers(0, 60 * 24 * 400))
def test_a_picture_shows_how_the_alarm_came_into_its_state_if_that_was_this_week(period: int, minutes: int) -> None:
    since = NOW - timedelta(minutes=minutes)
    name = usual_span(alarm(period), since, NOW)
    assert name in possible_spans(alarm(period))
    if minutes <= 60 * 24 * 5 and SPANS[possible_spans(alarm(period))[-1]] >= timedelta(days=7):
        assert NOW - SPANS[name] <= since


def test_a_picture_without_data_says_so() -> None:
    nothing = np.full(3, np.nan)
    empty = Watched(np.arange(3) * 60, nothing, nothing, nothing, np.zeros(3, bool), 60, is_band=False)
    assert "No data in this time." in series_plot("m", empty)
