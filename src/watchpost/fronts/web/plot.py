"""A watched series as one SVG element: its line, the limits, what breached, and when the alarm was in ALARM.

Sizes are in SVG units; the style sheet says how they look, so that light and dark and the width of a phone need no
second picture. Text is larger on narrow screens: the margins leave room for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from watchpost.fronts.web.series import Watched
from watchpost.reports.typography import compact, counted, number, shortened

WIDTH, HEIGHT = 720, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 14, 12, 40
_X_TICKS, _Y_TICKS = 7, 5
_TOLD_HITS = 60  # breaching points with a tooltip; beyond, they are told by the table
_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_419_200)
_DAY = 86_400
_LARGEST = 1e300  # beyond, sums of two numbers leave the range of floats

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the data lie: x from epoch seconds, y from values."""

    start: float
    end: float
    low: float
    high: float

    def x(self, at: float) -> float:
        return _LEFT + (at - self.start) / (self.end - self.start) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - _TOP - _BOTTOM)


def series_plot(name: str, watched: Watched, in_alarm: Iterable[tuple[float, float]] = ()) -> str:
    """The picture as an <svg> element, its texts escaped.

    Args: name: what the series is. in_alarm: spans [start, end) in epoch seconds in which the alarm was in ALARM.
    """
    about = escape(described(watched))
    values, lower, upper = (np.clip(s, -_LARGEST, _LARGEST) for s in (watched.values, watched.lower, watched.upper))
    watched = replace(watched, values=values, lower=lower, upper=upper)
    frame = _frame(watched)
    middles = watched.starts.astype(np.float64) + watched.period / 2
    body = [
        _alarm_spans(frame, in_alarm),
        _y_axis(frame),
        _x_axis(frame),
        _limits(frame, watched),
        f'<path class="series-line" d="{_line(frame, middles, watched.values)}"/>',
        _hits(frame, middles, watched),
    ]
    title = escape(shortened(name, 200))
    return (
        f'<svg class="series" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="plot-t plot-d">'
        f'<title id="plot-t">{title}</title><desc id="plot-d">{about}</desc>{"".join(body)}</svg>'
    )


def described(watched: Watched) -> str:
    """The picture in a sentence, for who cannot see it."""
    there = watched.values[~np.isnan(watched.values)]
    if not len(there):
        return "No data in this time."
    low, high, last = number(float(there.min())), number(float(there.max())), number(float(there[-1]))
    hits = counted(int(watched.hits.sum()), "datapoint")
    return f"{counted(len(there), 'datapoint')} from {low} to {high}, the last one {last}; {hits} beyond the limit."


def _frame(watched: Watched) -> _Frame:
    known = np.concatenate([watched.values, watched.lower, watched.upper])
    known = known[~np.isnan(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low >= 0 and low <= high / 2:
        low = 0.0
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    start, end = int(watched.starts[0]), int(watched.starts[-1]) + watched.period
    return _Frame(start, end, low if low == 0 else low - margin, high + margin)


def _alarm_spans(frame: _Frame, spans: Iterable[tuple[float, float]]) -> str:
    out = []
    for start, end in spans:
        left, right = frame.x(max(start, frame.start)), frame.x(min(end, frame.end))
        if right > left:
            size = f'width="{_r(right - left)}" height="{HEIGHT - _TOP - _BOTTOM}"'
            out.append(f'<rect class="in-alarm" x="{_r(left)}" y="{_TOP}" {size}><title>in ALARM</title></rect>')
    return "".join(out)


def _y_axis(frame: _Frame) -> str:
    rough = (frame.high - frame.low) / _Y_TICKS
    size = 10.0 ** floor(log10(rough))
    step = next((size * factor for factor in (1, 2, 5) if size * factor >= rough), size * 10)
    out = []
    for count in range(int(np.ceil(frame.low / step)), int(np.floor(frame.high / step)) + 1):
        y = _r(frame.y(count * step))
        label = _tick(count * step, step)
        out.append(f'<path class="grid" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>')
        out.append(f'<text class="end" x="{_LEFT - 8}" y="{y}" dy=".35em">{label}</text>')
    return "".join(out)


def _tick(value: float, step: float) -> str:
    if abs(value) >= 10_000 or step < 1e-6:
        return compact(value)
    return f"{value:.{max(0, -floor(log10(step)))}f}"


def _x_axis(frame: _Frame) -> str:
    span = frame.end - frame.start
    step = next((s for s in _STEPS if span / s <= _X_TICKS), _STEPS[-1])
    first = -(-int(frame.start) // step) * step
    out = []
    for at in range(first, int(frame.end) + 1, step):
        x, moment = _r(frame.x(at)), datetime.fromtimestamp(at, UTC)
        label = f"{moment:%b} {moment.day}" if at % _DAY == 0 else f"{moment:%H:%M}"
        out.append(f'<path class="grid" d="M{x} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        side = ' class="end"' if float(x) > WIDTH - 40 else ""
        out.append(f'<text{side} x="{x}" y="{HEIGHT - 12}">{label}</text>')
    return "".join(out)


def _limits(frame: _Frame, watched: Watched) -> str:
    edges = np.repeat(watched.starts, 2).astype(np.float64)
    edges[1::2] += watched.period
    lower, upper = (np.repeat(side, 2) for side in (watched.lower, watched.upper))
    area = ""
    if watched.is_band and not (np.isnan(lower) | np.isnan(upper)).all():
        area = "".join(f'<path class="band" d="{path}"/>' for path in _areas(frame, edges, lower, upper))
    sides = [side for side in (lower, upper) if not np.isnan(side).all()]
    return area + "".join(f'<path class="limit" d="{_line(frame, edges, side)}"/>' for side in sides)


def _areas(frame: _Frame, at: Floats, lower: Floats, upper: Floats) -> Iterable[str]:
    for start, end in _runs(~(np.isnan(lower) | np.isnan(upper))):
        there = [(frame.x(at[i]), frame.y(upper[i])) for i in range(start, end)]
        back = [(frame.x(at[i]), frame.y(lower[i])) for i in range(end - 1, start - 1, -1)]
        yield f"M{'L'.join(f'{_r(x)} {_r(y)}' for x, y in there + back)}z"


def _line(frame: _Frame, at: Floats, values: Floats) -> str:
    """A path through the values, broken where there is none; a lone value is a dot."""
    out = []
    for start, end in _runs(~np.isnan(values)):
        points = [f"{_r(frame.x(at[i]))} {_r(frame.y(values[i]))}" for i in range(start, end)]
        out.append(f"M{points[0]}h0" if len(points) == 1 else f"M{'L'.join(points)}")
    return "".join(out)


def _hits(frame: _Frame, at: Floats, watched: Watched) -> str:
    rows = np.flatnonzero(watched.hits).tolist()
    if not rows:
        return ""
    dots = "".join(f"M{_r(frame.x(at[i]))} {_r(frame.y(watched.values[i]))}h0" for i in rows)
    told = [_told(frame, at, watched, i) for i in rows[-_TOLD_HITS:]]
    return f'<path class="hits" d="{dots}"/>{"".join(told)}'


def _told(frame: _Frame, at: Floats, watched: Watched, i: int) -> str:
    when = datetime.fromtimestamp(int(watched.starts[i]), UTC)
    words = f"{number(float(watched.values[i]), 6)} at {when:%Y-%m-%d %H:%M:%S} UTC"
    x, y = _r(frame.x(at[i])), _r(frame.y(watched.values[i]))
    return f'<circle class="tip" cx="{x}" cy="{y}" r="8"><title>{words}</title></circle>'


def _runs(there: Flags) -> Sequence[tuple[int, int]]:
    """Where the flags are set, as [start, end) of each stretch."""
    padded = np.concatenate([[False], there, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _r(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
