"""Anomaly detection bands: between which limits the next value is expected to lie, learned from two weeks of history.

The model is our own (AWS does not publish its), deterministic, and looks only backwards:

1. **Predictors.** Six of them compete: the same time of day (median of the last seven days), the same time of the week,
   both also smoothed over a quarter of an hour to each side, the level of the last day, and the level of the last three
   hours. To each belongs a level, the median of what it missed by in the last 24 hours (6 or 72 with another
   adaptation speed), and a trend, the median change from one day to the next. Medians, so that an outage or a burst
   does not become part of the season. Each hour the predictor with the smallest mean error in the last seven days is
   taken.
2. **Width.** The prediction errors of the last seven days, each divided by the usual error of its hour of the day, are
   ranked; the limits for k standard deviations are their quantiles at Φ(-k) and Φ(k). Errors were made before their
   values were known, so the band covers what it claims whatever the distribution (split conformal prediction, Vovk et
   al. 2005; here in its rolling form): about 95 % of points for k = 2, heavy tails or not. Where n errors cannot show
   so rare a quantile, the widest one they can show is stretched in proportion to k.
3. **Silence.** There is no band while fewer than 44 errors from at least 24 different hours are known (1 / Φ(-2) = 44):
   about two days of history.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HISTORY = 14 * 86_400
"""Seconds before the first point of a band that it is learned from."""

LEAST_ERRORS, LEAST_HOURS = 44, 24
"""Known prediction errors, and different hours they come from, below which there is no band."""

_DAY, _HOUR = 86_400, 3_600
_LEVEL_HOURS = {"FAST": 6, "NORMAL": 24, "SLOW": 72}
_MEMORY = 7 * 24  # hours of errors that choose the predictor and set the width
_OUTSTANDING = 6 / NormalDist().inv_cdf(0.75)  # six standard deviations, in median absolute deviations
_SMOOTHED = 900  # seconds to each side


@dataclass(frozen=True, slots=True)
class BandSettings:
    """How a band is learned.

    `timezone` (IANA) is where a day begins: its clock changes move the season. `excluded` are [start, end) in epoch
    seconds that teach nothing. `spikes` says that short regular spikes are normal, so nothing is smoothed.
    """

    timezone: str = "UTC"
    excluded: tuple[tuple[int, int], ...] = ()
    spikes: bool = False
    adaptation: Literal["FAST", "NORMAL", "SLOW"] = "NORMAL"


@dataclass(frozen=True, slots=True)
class Band:
    """Limits in the unit of the metric, one pair a period, NaN where there is none."""

    lower: Floats
    upper: Floats


def anomaly_band(
    values: Floats, start: int, period: int, settings: BandSettings, deviations: float, last: int | None = None
) -> Band:
    """The band of the last `last` periods (all, if not given), learned for each from what came before its hour.

    Args: values, shape (n,), consecutive periods of `period` seconds (60 to 3600) from `start` (epoch seconds) on, NaN
    where nothing was reported. deviations k > 0: the share of points covered is that of a normal distribution within k
    standard deviations.
    Returns: lower <= upper, shape (min(last, n),); NaN while the history is too short.
    """
    count = values.size if last is None else min(last, values.size)
    if not count:
        return Band(np.empty(0), np.empty(0))
    clock = _Clock(start, period, values.size)
    known = np.where(_excluded(clock.times, settings), np.nan, values)
    errors, usual, predictions = _predicted(known, clock, settings)
    lower, upper = np.full(values.size, np.nan), np.full(values.size, np.nan)
    chosen = _best(errors, predictions, clock)
    middles = np.stack([_median(clock.by_hour(each).T) for each in errors])
    for hour in np.unique(clock.hours[values.size - count :]):
        predictor = chosen[hour]
        before = slice(*np.searchsorted(clock.hours, [hour - _MEMORY, hour]))
        limits = _limits(
            errors[predictor][before], clock.hours[before], middles[predictor], usual[predictor], hour, deviations
        )
        now = slice(*np.searchsorted(clock.hours, [hour, hour + 1]))
        if limits is not None:
            lower[now], upper[now] = (predictions[predictor][now] + limit for limit in limits)
    return Band(lower[values.size - count :], upper[values.size - count :])


class _Clock:
    """The periods of a series in blocks of an hour: `hours` numbers the block of each period, from 0, ascending."""

    def __init__(self, start: int, period: int, count: int) -> None:
        self.period = period
        self.times: Integers = np.arange(count, dtype=np.int64) * period + start
        # Whole periods make a block, so every block holds as many, even where the period does not divide the hour.
        self.size = max(round(_HOUR / period), 1)
        absolute = self.times // period // self.size
        first = int(absolute[0]) if count else 0
        self.hours: Integers = absolute - first
        self.blocks = int(self.hours[-1]) + 1 if count else 0
        self._before = int(start // period % self.size)

    def by_hour(self, values: Floats) -> Floats:
        """The values in rows of an hour each, shape (blocks, size), NaN where the series does not reach."""
        whole = np.full(self.blocks * self.size, np.nan)
        whole[self._before : self._before + values.size] = values
        return whole.reshape(self.blocks, self.size)


def _predicted(known: Floats, clock: _Clock, settings: BandSettings) -> tuple[Floats, Floats, Floats]:
    """Errors (predictors, n), usual errors (predictors, blocks) and predictions (predictors, n)."""
    level = _LEVEL_HOURS[settings.adaptation]
    zero = np.zeros(known.size)
    seasons = [(zero, level), (zero, 3)]
    smooth = _smoothed(known, clock.period)
    smoothed = None if smooth is None else _seasons(smooth, clock, settings.timezone)
    # A single point that was missed then is told by its neighbours; a longer gap keeps its predictor silent.
    exact = _seasons(known, clock, settings.timezone, smoothed)
    for day, week in [exact] if settings.spikes or smoothed is None else [exact, smoothed]:
        seasons += [(day, level), (week, level)]
    predictions = np.stack([season + _level(known - season, clock, memory) for season, memory in seasons])
    errors = known - predictions
    return errors, np.stack([_usual(each, clock) for each in errors]), predictions


def _seasons(
    source: Floats, clock: _Clock, timezone: str, otherwise: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """What the same time of day and of the week said before, of `otherwise` where that is not known."""
    days = np.stack([_earlier(source, clock, day, timezone) for day in range(1, 8)])
    daily, weekly = _median(days), days[6]
    if otherwise is not None:
        daily = np.where(np.isnan(daily), otherwise[0], daily)
        weekly = np.where(np.isnan(weekly), otherwise[1], weekly)
    return daily, weekly


def _earlier(source: Floats, clock: _Clock, days: int, timezone: str) -> Floats:
    """What the source said so many days before at the same time by the clock of the time zone."""
    then = clock.times - days * _DAY
    if timezone != "UTC":
        then = then + _offsets(clock.times, timezone) - _offsets(then, timezone)
    slots = np.rint((then - clock.times[0]) / clock.period).astype(np.int64) if clock.times.size else then
    return np.where(slots >= 0, source[np.maximum(slots, 0)], np.nan)


def _offsets(times: Integers, timezone: str) -> Integers:
    """Seconds that the zone is ahead of UTC; asked once an hour."""
    zone = ZoneInfo(timezone)
    hours, where = np.unique(times // _HOUR, return_inverse=True)
    ahead = [datetime.fromtimestamp(int(hour) * _HOUR, UTC).astimezone(zone).utcoffset() for hour in hours]
    seconds = [int(each.total_seconds()) if each is not None else 0 for each in ahead]
    return np.array(seconds, dtype=np.int64)[where]


def _smoothed(values: Floats, period: int) -> Floats | None:
    """Moving mean over a quarter of an hour to each side of a running median of five; None if that is one period."""
    reach = _SMOOTHED // period
    if not reach:
        return None
    padded = np.pad(values, 2, constant_values=np.nan)
    robust = _median(sliding_window_view(padded, 5).T)
    window = np.ones(2 * reach + 1)
    present = ~np.isnan(robust)
    total = np.convolve(np.where(present, robust, 0.0), window, mode="same")
    seen = np.convolve(present.astype(np.float64), window, mode="same")
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)[: values.size]


def _level(missed: Floats, clock: _Clock, memory: int) -> Floats:
    """Level and trend of what a season misses by: per period, from the hours before its own."""
    hourly = _median(clock.by_hour(missed).T)
    recent = _before(hourly, memory)
    level = np.where(_present(recent) * 4 >= memory, _median(recent), np.nan)
    # After an outage the last day is empty; the last week still knows the level.
    lost = np.flatnonzero(np.isnan(level))
    week = _before(hourly, _MEMORY)[:, lost]
    level[lost] = np.where(_present(week) >= 12, _median(week), np.nan)
    change = np.full(clock.blocks, np.nan)
    change[24:] = (hourly[24:] - hourly[:-24]) / 24
    changes = _before(change, _MEMORY)
    # One day against the day before could be anything; a trend is what two such comparisons agree on.
    trend = np.where(_present(changes) >= 36, _median(changes), 0.0)
    return (level + trend * (memory + 1) / 2)[clock.hours]


def _usual(errors: Floats, clock: _Clock) -> Floats:
    """The usual size of errors in each hour: half from the last week, half from this hour of its days; per block."""
    hourly = _mean(np.abs(clock.by_hour(errors)).T)
    week = _median(_before(hourly, _MEMORY))
    beyond = np.pad(hourly, (_MEMORY + 1, 1), constant_values=np.nan)
    around = _mean(sliding_window_view(beyond, 3).T)  # the hour, one before and one after, from a week before the first
    same = _median(np.stack([around[_MEMORY - 24 * day :][: clock.blocks] for day in range(1, 8)]))
    return np.where(np.isnan(same), week, (same + week) / 2)


def _best(errors: Floats, predictions: Floats, clock: _Clock) -> Integers:
    """For each hour the predictor with the smallest mean error in the week before; shape (blocks,).

    A predictor that says less of this hour than another, or said less than four fifths of what the most talkative one
    said of the week, does not compete.
    """
    now = np.stack([_present(clock.by_hour(each).T) for each in predictions])
    speaks = (now == now.max(axis=0)) & (now > 0)
    hourly = [_before(_mean(np.abs(clock.by_hour(each)).T), _MEMORY) for each in errors]
    said = np.stack([_present(each) for each in hourly])
    mean = np.stack([_mean(each) for each in hourly])
    said = np.where(speaks, said, 0)
    competes = (said * 5 >= said.max(axis=0) * 4) & ~np.isnan(mean) & speaks
    best: Integers = np.argmin(np.where(competes, mean, np.inf), axis=0)
    return best


def _limits(
    errors: Floats, hours: Integers, middles: Floats, usual: Floats, hour: int, deviations: float
) -> tuple[float, float] | None:
    """What to add to a prediction of this hour for its limits, or None where too few errors are known.

    These are the quantiles at Φ(-k) and Φ(k) of the errors in units of what was usual for their hours.
    """
    present = ~np.isnan(errors)
    if present.sum() < LEAST_ERRORS or np.unique(hours[present]).size < LEAST_HOURS:
        return None
    typical = float(np.abs(errors[present]).mean())
    if not typical:
        return 0.0, 0.0
    # An hour that was quiet by chance may not make giants of its errors.
    units = np.maximum(np.where(np.isnan(usual), typical, usual), typical / 10)
    first = max(hour - _MEMORY, 0)
    teaches = ~_incidents(middles[first:hour] / units[first:hour])[hours - first]
    ranked = np.sort((errors / units[hours])[present & teaches])
    low, high = _quantiles(ranked, deviations)
    return low * float(units[hour]), high * float(units[hour])


def _incidents(middles: Floats) -> NDArray[np.bool_]:
    """Hours whose median error stands out from those of the week, if they are at most a twentieth of them.

    A burst or a shift of some hours must not widen the band that is to find it; what takes more of a week than that
    is how the metric behaves. Single outliers hardly move an hour's median, so heavy tails are not cut.
    """
    known = middles[~np.isnan(middles)]
    centre = float(np.median(known))
    spread = float(np.median(np.abs(known - centre)))
    stands_out: NDArray[np.bool_] = np.abs(middles - centre) > _OUTSTANDING * spread
    return stands_out if stands_out.sum() * 20 <= known.size else np.zeros_like(stands_out)


def _quantiles(ranked: Floats, deviations: float) -> tuple[float, float]:
    """Of the ascending errors, those at Φ(-k) and Φ(k), as conformal prediction ranks them."""
    normal = NormalDist()
    count = ranked.size
    rank = int((count + 1) * normal.cdf(-deviations))
    if rank >= 1:
        return float(ranked[rank - 1]), float(ranked[count - rank])
    # The rarest quantile that so many errors show, at as many standard deviations as it stands for.
    stretch = deviations / -normal.inv_cdf(1 / (count + 1))
    middle = float(np.median(ranked))
    return middle - (middle - float(ranked[0])) * stretch, middle + (float(ranked[-1]) - middle) * stretch


def _excluded(times: Integers, settings: BandSettings) -> NDArray[np.bool_]:
    out = np.zeros(times.size, dtype=np.bool_)
    for start, end in settings.excluded:
        out |= (times >= start) & (times < end)
    return out


def _before(hourly: Floats, memory: int) -> Floats:
    """For each hour the hours before it, shape (memory, blocks); NaN before the first."""
    padded = np.concatenate([np.full(memory, np.nan), hourly[:-1]])
    return sliding_window_view(padded, memory).T if hourly.size else np.empty((memory, 0))


def _present(columns: Floats) -> Integers:
    seen: Integers = (~np.isnan(columns)).sum(axis=0)
    return seen


def _mean(columns: Floats) -> Floats:
    """Mean of what is present in each column, NaN where nothing is."""
    seen = _present(columns)
    return np.where(seen > 0, np.nansum(columns, axis=0) / np.maximum(seen, 1), np.nan)


def _median(columns: Floats) -> Floats:
    """Median of what is present in each column, NaN where nothing is."""
    ranked = np.sort(columns, axis=0)  # NaN last
    seen = _present(columns)
    across = np.arange(columns.shape[1])
    low, high = ranked[np.maximum(seen - 1, 0) // 2, across], ranked[np.minimum(seen // 2, len(ranked) - 1), across]
    return np.where(seen > 0, (low + high) / 2, np.nan)
