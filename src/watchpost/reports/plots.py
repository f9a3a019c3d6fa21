"""Pictures of a feature as SVG text: baseline and current side by side, one slot for each bin.

Pure functions. Coordinates are rounded to a tenth of a unit and all bars of a side share one path, so a picture stays
near a kilobyte. Sides differ by fill and outline, not only by colour; the style sheet of the page names the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from watchpost.reports.typography import ARROW, Change, change, compact, number, share, shortened, visible
from watchpost.verdicts import Bin

WIDTH = 420
PLOT_HEIGHT = 150
LEFT, RIGHT, TOP, BOTTOM = 36, 6, 8, 22
CATEGORIES_SHOWN = 14
LABELS = 5
MARKED_GAP = 0.05  # smaller differences of one bar are everyday noise, and red would cry wolf
ROW = 27
LABEL_WIDTH = 132
LABEL_LENGTH = 17
BAR_WIDTH = 172
SPARK_WIDTH, SPARK_HEIGHT = 132, 34
_NICE_SHARES = (0.01, 0.02, 0.05, 0.1, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Movement:
    """The bin whose share changed most, its share on both sides, and the difference in [0, 1]."""

    index: int
    label: str
    shares: Change
    gap: float

    def __str__(self) -> str:
        return f"Biggest change: {self.label} holds {self.shares.now} of values, {self.shares.before} in the baseline."


def is_numeric(bins: Sequence[Bin]) -> bool:
    """Whether the bins are intervals of numbers (else they are categories)."""
    return any(b.lower is not None or b.upper is not None for b in bins)


def biggest_change(bins: Sequence[Bin]) -> Movement | None:
    """The bin that moved most; None when a side is absent or nothing moved."""
    gaps = [abs(b.current - b.baseline) if b.current is not None and b.baseline is not None else 0.0 for b in bins]
    top = max(range(len(gaps)), key=gaps.__getitem__, default=0)
    if not gaps or not gaps[top] > 0:
        return None
    moved = bins[top]
    return Movement(top, bin_label(moved), change(moved.baseline, moved.current, share), gaps[top])


def bin_label(one: Bin) -> str:
    """What a bin covers, in words: an interval with rounded bounds, or the category itself."""
    if one.lower is not None and one.lower == one.upper:
        return number(one.lower)
    if one.lower is not None and one.upper is not None:
        return f"{compact(one.lower)} to {compact(one.upper)}"
    if one.upper is not None:
        return f"below {compact(one.upper)}"
    return shortened(one.label, 60) if one.lower is None else f"{compact(one.lower)} and more"


def feature_plot(name: str, bins: Sequence[Bin], key: str) -> str:
    """The large picture of a feature as one <svg> element; empty text without bins.

    key: makes the element's ids unique in its page.
    """
    if not bins:
        return ""
    body, height = _intervals(bins) if is_numeric(bins) else _categories(bins)
    return _svg(body, (WIDTH, height), "plot", name, bins, key)


def spark_plot(name: str, bins: Sequence[Bin], key: str) -> str:
    """The small picture for a table's row: bars only."""
    if not bins:
        return ""
    top = max((s for b in bins for s in (b.baseline, b.current) if s is not None), default=0.0) or 1.0
    body = _bars(bins, _Frame(0, SPARK_WIDTH, 1, SPARK_HEIGHT - 1, top), -1)
    return _svg(body, (SPARK_WIDTH, SPARK_HEIGHT), "spark", name, bins, key)


def _svg(body: str, size: tuple[float, float], kind: str, name: str, bins: Sequence[Bin], key: str) -> str:
    moved = biggest_change(bins)
    about = str(moved) if moved else "No change between the sides can be shown."
    return (
        f'<svg class="{kind}" viewBox="0 0 {_r(size[0])} {_r(size[1])}" role="img" aria-labelledby="{key}t {key}d">'
        f'<title id="{key}t">{escape(shortened(name, 80))}: share of values, baseline and current</title>'
        f'<desc id="{key}d">{escape(about)}</desc>{body}</svg>'
    )


def _marked(bins: Sequence[Bin]) -> int:
    """Index of the bin to draw in the colour of trouble; -1 when no change is large enough to deserve it."""
    moved = biggest_change(bins)
    return moved.index if moved and moved.gap >= MARKED_GAP else -1


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where bars stand: x and y ranges in SVG units, y growing downward, and the share that fills the height."""

    left: float
    right: float
    top: float
    bottom: float
    full: float

    def y(self, ratio: float) -> float:
        return self.bottom - (self.bottom - self.top) * min(ratio / self.full, 1.0)


def _intervals(bins: Sequence[Bin]) -> tuple[str, float]:
    highest = max((s for b in bins for s in (b.baseline, b.current) if s is not None), default=0.0)
    full = next((n for n in _NICE_SHARES if n >= highest), 1.0)
    frame = _Frame(LEFT, WIDTH - RIGHT, TOP, PLOT_HEIGHT - BOTTOM, full)
    lines = "".join(
        f'<path class="grid" d="M{LEFT} {_r(frame.y(s))}H{WIDTH - RIGHT}"/>'
        f'<text class="tick end" x="{LEFT - 6}" y="{_r(frame.y(s) + 4)}">{share(s)}</text>'
        for s in (0.0, full / 2, full)
    )
    bars = _bars(bins, frame, _marked(bins))
    return lines + bars + _edges(bins, frame) + _tips(bins, frame), PLOT_HEIGHT


def _bars(bins: Sequence[Bin], frame: _Frame, marked: int) -> str:
    slot = (frame.right - frame.left) / len(bins)
    both = any(b.baseline is not None for b in bins) and any(b.current is not None for b in bins)
    width = slot * (0.4 if both else 0.8)
    paths: dict[str, list[str]] = {"was": [], "now": [], "now most": []}
    for i, one in enumerate(bins):
        x = frame.left + slot * i + slot * 0.1
        if one.baseline is not None:
            paths["was"].append(_bar(x, frame.y(one.baseline), width, frame.bottom))
        if one.current is not None:
            paths["now most" if i == marked else "now"].append(
                _bar(x + width, frame.y(one.current), width, frame.bottom)
            )
    return "".join(f'<path class="{kind}" d="{"".join(bars)}"/>' for kind, bars in paths.items() if "".join(bars))


def _bar(x: float, y: float, width: float, bottom: float) -> str:
    height = round(bottom - y, 1)
    return f"M{_r(x)} {_r(bottom)}v{_r(-height)}h{_r(width)}v{_r(height)}z" if height > 0 else ""


def _edges(bins: Sequence[Bin], frame: _Frame) -> str:
    """Up to six labels, evenly spread: under a bar for single values, between bars for bounds of intervals."""
    if all(b.lower == b.upper for b in bins):
        known = [(i + 0.5, b.lower) for i, b in enumerate(bins) if b.lower is not None]
    else:
        bounds = [*((i, b.lower) for i, b in enumerate(bins)), (len(bins), bins[-1].upper)]
        known = [(float(i), bound) for i, bound in bounds if bound is not None]
    step = max(1, -(-(len(known) - 1) // LABELS))
    slot = (frame.right - frame.left) / len(bins)
    labels = []
    for place, bound in known[::step]:
        side = " end" if place == len(bins) else " start" if place == 0 else ""
        x = _r(frame.left + slot * place)
        labels.append(f'<text class="tick{side}" x="{x}" y="{PLOT_HEIGHT - 6}">{compact(bound)}</text>')
    return "".join(labels)


def _tips(bins: Sequence[Bin], frame: _Frame) -> str:
    """An invisible field over each slot whose tooltip tells the exact shares."""
    slot = (frame.right - frame.left) / len(bins)
    return "".join(
        f'<rect class="tip" x="{_r(frame.left + slot * i)}" y="{_r(frame.top)}" width="{_r(slot)}"'
        f' height="{_r(frame.bottom - frame.top)}"><title>{escape(bin_label(b))}: {_both(b)}</title></rect>'
        for i, b in enumerate(bins)
    )


def _categories(bins: Sequence[Bin]) -> tuple[str, float]:
    largest = sorted(range(len(bins)), key=lambda i: -max(bins[i].baseline or 0.0, bins[i].current or 0.0))
    shown = sorted(largest[:CATEGORIES_SHOWN])
    full = max((s for i in shown for s in (bins[i].baseline, bins[i].current) if s is not None), default=0.0) or 1.0
    marked = _marked(bins)
    rows = [_category(bins[i], n, full, marked=marked == i) for n, i in enumerate(shown)]
    height = len(shown) * ROW + 4
    if len(shown) < len(bins):
        rest = len(bins) - len(shown)
        rows.append(f'<text class="tick start" x="{LABEL_WIDTH}" y="{height + 12}">and {rest} smaller</text>')
        height += 20
    return "".join(rows), height


def _category(one: Bin, row: int, full: float, *, marked: bool) -> str:
    y = 4 + row * ROW
    bars = []
    for kind, ratio, offset in (("was", one.baseline, 0), ("now most" if marked else "now", one.current, 9)):
        if ratio:
            width = max(BAR_WIDTH * ratio / full, 0.5)
            bars.append(f'<path class="{kind}" d="M{LABEL_WIDTH} {y + offset}h{_r(width)}v9H{LABEL_WIDTH}z"/>')
    tip = f"<title>{escape(shortened(one.label, 200))}: {_both(one)}</title>"
    return (
        f'<g>{tip}<text class="label end" x="{LABEL_WIDTH - 8}" y="{y + 13}">{escape(_fitted(one.label))}</text>'
        f"{''.join(bars)}"
        f'<text class="value end{" most" if marked else ""}" x="{WIDTH}" y="{y + 13}">{_both(one)}</text></g>'
    )


def _fitted(label: str) -> str:
    """A category's label cut to what fits before its bars; East Asian characters are twice as wide."""
    shown, wide = visible(label), sum(east_asian_width(c) in "WF" for c in label[:LABEL_LENGTH])
    return shortened(shown, LABEL_LENGTH - wide // 2)


def _both(one: Bin) -> str:
    if one.baseline is None or one.current is None:
        return share(one.current if one.baseline is None else one.baseline)
    shares = change(one.baseline, one.current, share)
    return shares.now if shares.same else f"{shares.before} {ARROW} {shares.now}"


def _r(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def spark_text(bins: Sequence[Bin], *, current: bool) -> str:
    """One side's shares as a line of block characters, for terminals; empty text when the side is absent."""
    shares = [b.current if current else b.baseline for b in bins]
    if not shares or all(s is None for s in shares):
        return ""
    top = max((s for b in bins for s in (b.baseline, b.current) if s is not None), default=0.0) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * (s or 0.0) / top))] for s in shares)
