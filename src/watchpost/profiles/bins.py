"""The bars of a feature's picture: both sides' shares in the same intervals or categories."""

import numpy as np
from numpy.typing import NDArray

from watchpost.profiles.gap import is_numeric
from watchpost.profiles.statistics import FeatureStatistics
from watchpost.verdicts import Bin

_BARS = 24  # intervals of a numeric picture
_FEW = 12  # up to this many distinct numbers, each gets a bar of its own; also the categories shown by name
_TAIL = 0.005  # share of each side that may lie in each open end, so that one outlier does not flatten the picture

_Distribution = tuple[NDArray[np.float64], NDArray[np.float64]]  # distinct values ascending, their shares


def bins(baseline: FeatureStatistics | None, current: FeatureStatistics | None) -> tuple[Bin, ...]:
    """Both sides of one feature in common bars; empty where neither side has a distribution to show.

    A side of another kind (text against numbers) or without a distribution has share None in every bar.
    """
    sides = (baseline, current)
    if any(side is not None and is_numeric(side) for side in sides):
        numeric = [_numbers(side) for side in sides]
        return _numeric_bins(*numeric) if any(numeric) else ()
    return _categorical_bins(*[_categories(side) for side in sides])


def _numbers(side: FeatureStatistics | None) -> _Distribution | None:
    if side is None or side.numeric is None or side.numeric.sketch is None:
        return None
    values, weights = side.numeric.sketch.weighted()
    return (values, weights / weights.sum()) if len(values) else None


def _categories(side: FeatureStatistics | None) -> dict[str, float] | None:
    if side is None or not side.categories:
        return None
    total = sum(side.categories.values())
    return {name: count / total for name, count in side.categories.items()}


def _numeric_bins(baseline: _Distribution | None, current: _Distribution | None) -> tuple[Bin, ...]:
    sides = [side for side in (baseline, current) if side is not None]
    distinct = np.unique(np.concatenate([values for values, _ in sides]))
    if len(distinct) <= _FEW:
        shares = [_shares_of_values(side, distinct) for side in (baseline, current)]
        bounds = distinct.tolist()
        return tuple(Bin(_plain(x), a, b, x, x) for x, a, b in zip(bounds, *shares, strict=True))
    low = min(float(np.interp(_TAIL, shares.cumsum(), values)) for values, shares in sides)
    high = max(float(np.interp(1 - _TAIL, shares.cumsum(), values)) for values, shares in sides)
    if not low < high:
        low, high = float(distinct[0]), float(distinct[-1])
    edges = np.linspace(low, high, _BARS + 1)
    edges = edges[np.concatenate(([True], np.diff(edges) > 0))]  # adjacent floats leave no room for so many
    columns = [_shares_between(side, edges) for side in (baseline, current)]
    lower, upper = [None, *edges.tolist()], [*edges.tolist(), None]
    bars = zip(lower, upper, *columns, strict=True)
    made = [Bin(_interval(a, b), before, now, a, b) for a, b, before, now in bars]
    # Nothing lies in an open end of most columns; then there is no such bar.
    ends = (made[0], made[-1])
    return tuple(bar for bar in made if bar not in ends or (bar.baseline or 0) + (bar.current or 0) > 0)


def _shares_of_values(side: _Distribution | None, values: NDArray[np.float64]) -> list[float | None]:
    if side is None:
        return [None] * len(values)
    shares = np.zeros(len(values))
    shares[np.searchsorted(values, side[0])] = side[1]
    return list(shares.tolist())


def _shares_between(side: _Distribution | None, edges: NDArray[np.float64]) -> list[float | None]:
    """Shares below the first edge, between each two, [lower, upper) but the last closed, and above the last edge."""
    if side is None:
        return [None] * (len(edges) + 1)
    values, shares = side
    below = np.concatenate(([0.0], shares.cumsum()))
    cuts = np.searchsorted(values, edges, side="left")
    cuts[-1] = np.searchsorted(values, edges[-1], side="right")
    return list(np.diff(below[cuts], prepend=0.0, append=below[-1]).tolist())


def _categorical_bins(baseline: dict[str, float] | None, current: dict[str, float] | None) -> tuple[Bin, ...]:
    names = {**(baseline or {}), **(current or {})}
    largest = sorted(names, key=lambda n: (-max((baseline or {}).get(n, 0.0), (current or {}).get(n, 0.0)), n))
    shown, rest = (largest, []) if len(largest) <= _FEW + 1 else (largest[:_FEW], largest[_FEW:])
    made = [Bin(n, *(None if s is None else s.get(n, 0.0) for s in (baseline, current))) for n in shown]
    if rest:
        label = f"{len(rest)} others"
        made.append(Bin(label, *(None if s is None else sum(s.get(n, 0.0) for n in rest) for s in (baseline, current))))
    return tuple(made)


def _plain(x: float) -> str:
    return f"{x:.6g}"


def _interval(lower: float | None, upper: float | None) -> str:
    if lower is None:
        assert upper is not None
        return f"< {_plain(upper)}"
    return f"> {_plain(lower)}" if upper is None else f"{_plain(lower)} – {_plain(upper)}"
