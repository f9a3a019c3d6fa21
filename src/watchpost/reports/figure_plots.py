"""Pictures of figures as SVG text: a value with its interval against the baseline, and curves of both sides.

Pure functions. The baseline is a tick or a dashed line, now is a dot or a solid line: told apart by shape, not only by
colour. What is not finite is left out of a picture, never drawn at a wrong place.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from watchpost.reports.figures import SAME
from watchpost.reports.typography import change, compact, number, shortened
from watchpost.verdicts import Curve, Figure

DOT_WIDTH, DOT_HEIGHT = 150, 38
CURVE_WIDTH, CURVE_HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 44
LOOKED_AT = 100  # places along x at which two curves are compared
MARGIN = 1.2  # of an axis beyond what it shows
_INSET = 8  # of a dot's axis, so that a dot at its end is whole
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, low < high."""

    low: float
    high: float

    def place(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two coordinates; what lies beyond the range is put at its end."""
        # Divided before the difference is taken: the ends of a range may be too far apart for a number to hold.
        scale = max(abs(self.low), abs(self.high))
        whole = self.high / scale - self.low / scale
        part = (min(max(value, self.low), self.high) / scale - self.low / scale) / whole
        return start + (end - start) * part


def common_span(figures: Iterable[Figure]) -> float:
    """How wide the axes of a table's figures are that live in [-1, 1], so that equal lengths mean equal differences."""
    small = [known for known in map(_numbers, figures) if known and _is_small(known)]
    widest = max((max(known) - min(known) for known in small), default=0.0)
    limit = 2.0 if any(min(known) < 0 for known in small) else 1.0
    # The last digits of arithmetic would fill an axis made for them, and look like a change.
    return min(_round_up(MARGIN * widest), limit) if widest > SAME else limit


def dot_plot(figure: Figure, span: float, key: str) -> str:
    """A figure as a dot with its interval, its baseline as a tick; empty text without a finite value and baseline.

    span: width of the axis; a figure that does not fit has a wider one. key: makes the element's id unique on its page.
    """
    value, baseline = figure.value, figure.baseline
    if value is None or baseline is None or not math.isfinite(value) or not math.isfinite(baseline):
        return ""
    axis = _axis(_numbers(figure), span)
    if axis is None:
        return ""

    def x(n: float) -> str:
        return _r(axis.place(n, _INSET, DOT_WIDTH - _INSET))

    low, high = _ends(figure)
    both = change(baseline, value)
    ends = change(axis.low, axis.high, _tick)
    interval = f'<path class="span" d="M{x(low)} 12H{x(high)}"/>' if low < high else ""
    return (
        f'<svg class="dot" viewBox="0 0 {DOT_WIDTH} {DOT_HEIGHT}" role="img" aria-labelledby="{key}t">'
        f'<title id="{key}t">{both.now} now, {both.before} in the baseline, on an axis from {ends.before} to '
        f'{ends.now}</title><path class="grid" d="M{_INSET} 24H{DOT_WIDTH - _INSET}{_ticks(axis)}"/>'
        f'<path class="mark" d="M{x(baseline)} 2V24"/>{interval}'
        f'<circle class="now most" cx="{x(value)}" cy="12" r="3.5"/>'
        f'<text class="start" x="0" y="37">{ends.before}</text>'
        f'<text class="end" x="{DOT_WIDTH}" y="37">{ends.now}</text></svg>'
    )


def _tick(value: float | None, digits: int) -> str:
    # One digit less than in a sentence: ends of an axis are round numbers.
    return number(value, digits - 1) if value is None or abs(value) < 10_000 else compact(value)


def _ticks(axis: Axis) -> str:
    marks = [axis.low, axis.high, *([0.0] if axis.low < 0 < axis.high else [])]
    return "".join(f"M{_r(axis.place(n, _INSET, DOT_WIDTH - _INSET))} 21V27" for n in marks)


def _ends(figure: Figure) -> tuple[float, float]:
    """Ends of what is drawn around the value: the interval, else one standard deviation to each side."""
    assert figure.value is not None
    deviation = figure.standard_deviation or 0.0
    low = figure.lower if figure.lower is not None else figure.value - deviation
    high = figure.upper if figure.upper is not None else figure.value + deviation
    return (low, high) if not math.isnan(low) and not math.isnan(high) else (figure.value, figure.value)


def _numbers(figure: Figure) -> list[float]:
    ends = _ends(figure) if figure.value is not None else ()
    return [n for n in (figure.value, figure.baseline, *ends) if n is not None and math.isfinite(n)]


def _is_small(numbers: Sequence[float]) -> bool:
    return all(-1 <= n <= 1 for n in numbers)


def _axis(numbers: Sequence[float], span: float) -> Axis | None:
    """An axis of that width around the numbers, inside [0, 1] or [-1, 1] where they are; None where it cannot be."""
    least, most = min(numbers), max(numbers)
    if not _is_small(numbers) or most - least > span:
        size = max(abs(least), abs(most))
        # A figure that did not move at all stands on an axis a fifth as wide as itself.
        span = _round_up(MARGIN * (most - least) if most - least > SAME * size else 0.2 * size)
    low = _stepped(least / 2 + most / 2 - span / 2, span / 10)
    floor, ceiling = (0.0 if least >= 0 else -1.0), 1.0
    if _is_small(numbers):
        low = max(floor, min(low, ceiling - span))
    elif least >= 0:
        low = max(0.0, low)
    if least < low or low + span < most:
        low = least / 2 + most / 2 - span / 2
    return Axis(low, low + span) if math.isfinite(low + span) and low < low + span else None


def _stepped(value: float, step: float) -> float:
    return round(value / step) * step if step and math.isfinite(value / step) else value


def _round_up(size: float) -> float:
    """The next number that reads well as the width of an axis: 1, 2, 3, 5 or 8 times a power of ten; 0 for 0."""
    if not 1e-300 < size < 1e300:
        return size
    power = 10.0 ** math.floor(math.log10(size))
    return next((m * power for m in (1, 2, 3, 5, 8) if size <= m * power), 10 * power)


def curve_plot(curve: Curve, key: str) -> str:
    """Both sides of a curve as one <svg> element with labelled axes; empty text without two finite points.

    key: makes the element's ids unique in its page.
    """
    now, was = _finite(curve.current), _finite(curve.baseline)
    if len(now) < 2 and len(was) < 2:
        return ""
    across, up = (_covering(p[i] for p in (*now, *was)) for i in (0, 1))
    lines = "".join(
        f'<path class="line {kind}" d="{_line(points, across, up)}"/>'
        for kind, points in (("before", was), ("today", now))
        if len(points) > 1
    )
    title = escape(shortened(curve.name, 80))
    return (
        f'<svg class="plot curve" viewBox="0 0 {CURVE_WIDTH} {CURVE_HEIGHT}" role="img" '
        f'aria-labelledby="{key}t {key}d"><title id="{key}t">{title}: baseline dashed, now solid</title>'
        f'<desc id="{key}d">{escape(curve_in_words(curve))}</desc>{_axes(curve, across, up)}{lines}</svg>'
    )


def curve_in_words(curve: Curve) -> str:
    """Where the curve of now lies farthest from the baseline's; how far it reaches where there is no baseline."""
    now, was = _finite(curve.current), _finite(curve.baseline)
    x_name, y_name = shortened(curve.x_label, 60), shortened(curve.y_label, 60)
    if not now or not was:
        side, points = ("now", now) if now else ("in the baseline", was)
        if not points:
            return "There are no points to show."
        middle = points[len(points) // 2]
        return f"{y_name} is {number(middle[1])} {side} where {x_name} is {number(middle[0])}."
    start, end = max(now[0][0], was[0][0]), min(now[-1][0], was[-1][0])
    places = [start + (end - start) * (i / LOOKED_AT) for i in range(LOOKED_AT + 1)] if start <= end else []
    gaps = [(x, _height(was, x), _height(now, x)) for x in places if math.isfinite(x)]
    if not gaps:
        return "The curves have no part in common."
    x, before, after = max(gaps, key=lambda gap: abs(gap[2] - gap[1]))
    if before == after:
        return "No difference to the baseline can be seen."
    both = change(before, after)
    return f"Widest gap: where {x_name} is {number(x)}, {y_name} is {both.now} now and {both.before} in the baseline."


def _height(points: Points, x: float) -> float:
    """The curve's y at x, straight between its points; at a vertical step, the step's end."""
    right = bisect_right(points, x, key=lambda p: p[0])
    if right == 0 or right == len(points):
        return points[min(right, len(points) - 1)][1]
    (x0, y0), (x1, y1) = points[right - 1], points[right]
    part = (x - x0) / (x1 - x0)
    return y0 * (1 - part) + y1 * part


def _finite(points: Points) -> list[tuple[float, float]]:
    return sorted((p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])), key=lambda p: p[0])


def _covering(numbers: Iterable[float]) -> Axis:
    """[0, 1] where it holds all numbers, else their own range."""
    known = list(numbers)
    low, high = min(known), max(known)
    if low >= 0 and high <= 1:
        return Axis(0.0, 1.0)
    return Axis(low, high) if low < high else Axis(min(low, 0.0), max(high, 0.0))


def _line(points: Points, across: Axis, up: Axis) -> str:
    places = [
        f"{_r(across.place(x, LEFT, CURVE_WIDTH - RIGHT))} {_r(up.place(y, CURVE_HEIGHT - BOTTOM, TOP))}"
        for x, y in points
    ]
    kept = [p for i, p in enumerate(places) if i == 0 or p != places[i - 1]]
    return "M" + "L".join(kept)


def _axes(curve: Curve, across: Axis, up: Axis) -> str:
    bottom, right = CURVE_HEIGHT - BOTTOM, CURVE_WIDTH - RIGHT
    parts = []
    for i in (0, 1, 2):
        y, x = bottom - (bottom - TOP) * i / 2, LEFT + (right - LEFT) * i / 2
        side = ("start", "middle", "end")[i]
        parts += [
            f'<path class="grid" d="M{LEFT} {_r(y)}H{right}M{_r(x)} {TOP}V{bottom}"/>',
            f'<text class="end" x="{LEFT - 6}" y="{_r(y + 4)}">{compact(_at(up, i))}</text>',
            f'<text class="{side}" x="{_r(x)}" y="{bottom + 16}">{compact(_at(across, i))}</text>',
        ]
    x_label, y_label = (escape(shortened(text, 48)) for text in (curve.x_label, curve.y_label))
    middle = _r((TOP + bottom) / 2)
    return (
        f'{"".join(parts)}<text class="label" x="{_r((LEFT + right) / 2)}" y="{CURVE_HEIGHT - 6}">{x_label}</text>'
        f'<text class="label" x="12" y="{middle}" transform="rotate(-90 12 {middle})">{y_label}</text>'
    )


def _at(axis: Axis, half: int) -> float:
    return (axis.low, axis.low / 2 + axis.high / 2, axis.high)[half]


def _r(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
