"""Anomaly detection bands: they cover what they claim, they find what is wrong, and they keep silent when they must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from watchpost.metrics.anomaly import HISTORY, Band, BandSettings, anomaly_band

DAY, MONDAY = 86_400, 1_699_833_600  # 2023-11-13 00:00 UTC
FIVE_MINUTES = 300
PLAIN = BandSettings()

Floats = NDArray[np.float64]


def times(days: float, period: int = FIVE_MINUTES, start: int = MONDAY) -> Floats:
    return np.arange(int(days * DAY // period)) * float(period) + start


def daily(at: Floats) -> Floats:
    """Traffic with a peak a day and a smaller one between, from 45 to 155."""
    phase = 2 * np.pi * at / DAY
    return 100 + 40 * np.sin(phase) + 15 * np.sin(2 * phase)


def weekly(at: Floats) -> Floats:
    """The same on weekdays, quiet on weekends."""
    weekend = ((at - MONDAY) // DAY) % 7 >= 5
    return np.where(weekend, 30 + 0.2 * daily(at), daily(at))


SHAPES = {
    "level": lambda at: np.full(at.size, 50.0),
    "daily": daily,
    "weekly": weekly,
    "trending": lambda at: daily(at) + (at - at[0]) / DAY * 5,
}
NOISES = {
    "gaussian": lambda rng, n: rng.normal(size=n) * 5,
    "heavy-tailed": lambda rng, n: rng.standard_t(3, size=n) * 5,
    "skewed": lambda rng, n: rng.exponential(size=n) * 8,
    "correlated": lambda rng, n: np.convolve(rng.normal(size=n), 0.8 ** np.arange(30))[:n] * 3,
    "growing with the level": lambda rng, n: rng.normal(size=n) * (5 + 4 * np.sin(2 * np.pi * np.arange(n) / 288)),
}


def gap(values: Floats, day: float, hours: float, period: int = FIVE_MINUTES) -> Floats:
    """The same series with an outage."""
    out = values.copy()
    out[int(day * DAY / period) : int((day * DAY + hours * 3600) / period)] = np.nan
    return out


def judged_after_history(
    values: Floats, period: int, deviations: float = 2.0, **options: object
) -> tuple[Floats, Band]:
    """The points behind two weeks of history, and their band."""
    after = values.size - HISTORY // period
    settings_ = BandSettings(**options)  # type: ignore[arg-type]
    return values[-after:], anomaly_band(values, MONDAY, period, settings_, deviations, after)


def coverage(values: Floats, limits: Band) -> float:
    judged = ~np.isnan(values) & ~np.isnan(limits.lower)
    return float(((values >= limits.lower) & (values <= limits.upper))[judged].mean())


# --- what is claimed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("shape", SHAPES)
def test_two_deviations_cover_95_per_cent(shape: str, noise: str) -> None:
    at = times(28)
    values = SHAPES[shape](at) + NOISES[noise](np.random.default_rng(7), at.size)
    judged, limits = judged_after_history(values, FIVE_MINUTES)
    # 4032 points: a standard error of 0.33 % if errors were independent, more where they are correlated.
    assert coverage(judged, limits) == pytest.approx(0.9545, abs=0.015)
    assert not np.isnan(limits.lower).any()


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(SHAPES)), st.sampled_from(sorted(NOISES)))
def test_coverage_follows_the_deviations_whatever_the_series(seed: int, shape: str, noise: str) -> None:
    at = times(21)
    values = SHAPES[shape](at) + NOISES[noise](np.random.default_rng(seed), at.size)
    for deviations, claimed in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        judged, limits = judged_after_history(values, FIVE_MINUTES, deviations)
        assert coverage(judged, limits) == pytest.approx(claimed, abs=0.08 if deviations == 1 else 0.035)


@pytest.mark.parametrize(("period", "tolerance"), [(60, 0.03), (900, 0.03), (3600, 0.04)])
def test_coverage_holds_for_every_period(period: int, tolerance: float) -> None:
    at = times(28 if period > 60 else 15, period)
    values = daily(at) + NOISES["heavy-tailed"](np.random.default_rng(3), at.size)
    judged, limits = judged_after_history(values, period)
    assert coverage(judged, limits) == pytest.approx(0.9545, abs=tolerance)


def test_outages_neither_widen_the_band_nor_break_it() -> None:
    at = times(28)
    whole = weekly(at) + np.random.default_rng(11).normal(size=at.size) * 5
    broken = gap(gap(gap(whole, 9, 5), 16.5, 30), 22, 1)
    broken[np.random.default_rng(12).random(at.size) < 0.2] = np.nan
    judged, limits = judged_after_history(broken, FIVE_MINUTES)
    _, undisturbed = judged_after_history(whole, FIVE_MINUTES)
    assert coverage(judged, limits) == pytest.approx(0.9545, abs=0.02)
    assert not np.isnan(limits.lower).any()
    ratio = np.median(limits.upper - limits.lower) / np.median(undisturbed.upper - undisturbed.lower)
    assert ratio == pytest.approx(1.0, abs=0.25)


def test_the_band_is_hardly_wider_than_the_noise_demands() -> None:
    at = times(28)
    for shape in ("level", "daily", "trending"):
        _, limits = judged_after_history(
            SHAPES[shape](at) + np.random.default_rng(1).normal(size=at.size) * 5, FIVE_MINUTES
        )
        assert np.median(limits.upper - limits.lower) / (4 * 5) == pytest.approx(1.0, abs=0.15)


def test_the_band_is_narrow_at_quiet_hours_and_wide_at_loud_ones() -> None:
    at = times(21)
    loud = np.sin(2 * np.pi * at / DAY) > 0
    judged, limits = judged_after_history(
        daily(at) + np.random.default_rng(2).normal(size=at.size) * np.where(loud, 10, 1), FIVE_MINUTES
    )
    width, noisy = limits.upper - limits.lower, loud[-judged.size :]
    assert np.median(width[noisy]) > 1.5 * np.median(width[~noisy])


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_shifted_level_is_found_at_once_and_learned_within_a_day() -> None:
    at = times(18)
    values = daily(at) + np.random.default_rng(4).normal(size=at.size) * 5
    shifted = np.where(at >= MONDAY + 15 * DAY, values + 40, values)
    judged, limits = judged_after_history(shifted, FIVE_MINUTES)
    above = judged > limits.upper
    hours = above.reshape(-1, 12).mean(axis=1)
    assert hours[24:30].min() > 0.95
    assert hours[24 + 26 :].mean() < 0.15


def test_a_broken_season_is_found() -> None:
    at = times(16)
    values = daily(at) + np.random.default_rng(6).normal(size=at.size) * 5
    # The daily rhythm stops: a flat line at its mean.
    flat = np.where(at >= MONDAY + 15 * DAY, 100 + values - daily(at), values)
    judged, limits = judged_after_history(flat, FIVE_MINUTES)
    outside = (judged < limits.lower) | (judged > limits.upper)
    assert outside[288:].mean() > 0.5
    assert outside[:288].mean() < 0.1


def test_a_quiet_weekday_is_found_although_it_would_do_on_a_weekend() -> None:
    at = times(21)
    values = weekly(at) + np.random.default_rng(8).normal(size=at.size) * 3
    holiday = (at >= MONDAY + 16 * DAY) & (at < MONDAY + 17 * DAY)
    judged, limits = judged_after_history(
        np.where(holiday, weekly(at - 3 * DAY) + values - weekly(at), values), FIVE_MINUTES
    )
    outside = (judged < limits.lower) | (judged > limits.upper)
    assert outside[2 * 288 : 3 * 288].mean() > 0.6
    assert outside[: 2 * 288].mean() < 0.1


def test_a_spike_that_comes_every_day_is_expected_and_a_missing_one_is_not() -> None:
    at = times(16)
    values = 50 + np.random.default_rng(9).normal(size=at.size)
    backup = (at % DAY) == 3 * 3600
    judged, limits = judged_after_history(np.where(backup, values + 100, values), FIVE_MINUTES, spikes=True)
    spikes = backup[-judged.size :]
    assert np.all(judged[spikes] <= limits.upper[spikes])
    assert np.all(limits.lower[spikes] > 60)


def test_a_constant_metric_may_not_move() -> None:
    values = np.full(times(15).size, 7.0)
    judged, limits = judged_after_history(values, FIVE_MINUTES)
    assert np.array_equal(limits.lower, judged)
    assert np.array_equal(limits.upper, judged)


# --- what people say about it -----------------------------------------------------------------------------------------


def test_excluded_time_teaches_nothing() -> None:
    at = times(15)
    values = daily(at) + np.random.default_rng(10).normal(size=at.size) * 5
    begin = MONDAY + 12 * DAY
    incident = np.where((at >= begin) & (at < begin + DAY), values + 500, values)
    _, plain = judged_after_history(incident, FIVE_MINUTES)
    judged, told = judged_after_history(incident, FIVE_MINUTES, excluded=((begin, begin + DAY),))
    _, calm = judged_after_history(values, FIVE_MINUTES)
    assert coverage(judged, told) == pytest.approx(0.9545, abs=0.03)
    calm_width = np.median(calm.upper - calm.lower)
    assert np.median(told.upper - told.lower) < 1.25 * calm_width
    assert np.median(plain.upper - plain.lower) > 2 * calm_width


def test_the_season_follows_the_clocks_of_its_time_zone() -> None:
    # Clocks in New York went back on 2023-11-05 at 06:00 UTC; people come an hour later by UTC from then on.
    start = 1_699_142_400 - 13 * DAY
    at = times(15, start=start)
    local = at - np.where(at >= 1_699_164_000, 5, 4) * 3600
    values = np.where((local % DAY >= 9 * 3600) & (local % DAY < 17 * 3600), 200.0, 20.0)
    values = values + np.random.default_rng(13).normal(size=at.size) * 3
    day_after = int(np.flatnonzero(at >= 1_699_164_000 + DAY // 4)[0])
    there = anomaly_band(values, start, FIVE_MINUTES, BandSettings("America/New_York"), 3.0)
    utc = anomaly_band(values, start, FIVE_MINUTES, PLAIN, 3.0)
    after = slice(day_after, day_after + 288)

    def missed(limits: Band) -> int:
        return int(((values < limits.lower) | (values > limits.upper))[after].sum())

    assert missed(there) <= 6
    assert missed(utc) >= 15


# --- when it is silent ------------------------------------------------------------------------------------------------


def test_there_is_no_band_before_errors_of_a_day_are_known() -> None:
    at = times(14)
    limits = anomaly_band(daily(at) + np.random.default_rng(14).normal(size=at.size), MONDAY, FIVE_MINUTES, PLAIN, 2.0)
    first = int(np.flatnonzero(~np.isnan(limits.lower))[0])
    assert DAY <= first * FIVE_MINUTES <= 2.6 * DAY


def test_an_hourly_metric_waits_until_its_errors_can_show_two_deviations() -> None:
    at = times(14, 3600)
    limits = anomaly_band(daily(at) + np.random.default_rng(14).normal(size=at.size), MONDAY, 3600, PLAIN, 2.0)
    first = int(np.flatnonzero(~np.isnan(limits.lower))[0])
    assert 44 <= first <= 72


@given(st.integers(0, 400), st.sampled_from([60, 300, 420, 3600]), st.integers(0, DAY))
def test_nothing_known_gives_no_band_of_any_length(count: int, period: int, start: int) -> None:
    limits = anomaly_band(np.full(count, np.nan), start, period, PLAIN, 2.0)
    assert limits.lower.size == limits.upper.size == count
    assert np.isnan(limits.lower).all()


# --- laws -------------------------------------------------------------------------------------------------------------

HISTORIES = st.integers(0, 2**32 - 1).map(
    lambda seed: daily(times(5, 900)) + np.random.default_rng(seed).standard_t(4, times(5, 900).size) * 5
)


@settings(max_examples=25)
@given(HISTORIES, st.floats(0.2, 6), st.floats(1.0, 3.0))
def test_more_deviations_never_make_a_narrower_band(values: Floats, deviations: float, more: float) -> None:
    narrow = anomaly_band(values, MONDAY, 900, PLAIN, deviations)
    wide = anomaly_band(values, MONDAY, 900, PLAIN, deviations * more)
    known = ~np.isnan(narrow.lower)
    assert known.any()
    assert np.all(wide.lower[known] <= narrow.lower[known] + 1e-9)
    assert np.all(narrow.lower[known] <= narrow.upper[known])
    assert np.all(narrow.upper[known] <= wide.upper[known] + 1e-9)


@settings(max_examples=25)
@given(HISTORIES, st.floats(0.1, 100), st.floats(-1000, 1000))
def test_the_band_moves_and_stretches_with_its_metric(values: Floats, factor: float, offset: float) -> None:
    one = anomaly_band(values, MONDAY, 900, PLAIN, 2.0)
    other = anomaly_band(values * factor + offset, MONDAY, 900, PLAIN, 2.0)
    known = ~np.isnan(one.lower)
    assert other.lower[known] == pytest.approx(one.lower[known] * factor + offset, rel=1e-6, abs=1e-4 * factor)
    assert other.upper[known] == pytest.approx(one.upper[known] * factor + offset, rel=1e-6, abs=1e-4 * factor)


@settings(max_examples=25)
@given(HISTORIES, st.integers(300, 479))
def test_the_future_changes_nothing(values: Floats, now: int) -> None:
    hour = now - now % 4  # the hour of period `now` begins with this one
    changed = values.copy()
    changed[hour:] = 1e6
    before, after = (anomaly_band(each, MONDAY, 900, PLAIN, 2.0) for each in (values, changed))
    assert np.array_equal(before.lower[: hour + 4], after.lower[: hour + 4], equal_nan=True)
    assert np.array_equal(before.upper[: hour + 4], after.upper[: hour + 4], equal_nan=True)
