"""CloudWatch's statistics: their grammar, and what they are of a cell.

A cell's samples are its values v1 < v2 < … < vm with weights w1 … wm; W is the sum of the weights and Ci the sum of
w1 … wi.

- `SampleCount`, `Sum`, `Average` (Sum / SampleCount), `Minimum`, `Maximum`.
- `pN`: the value at rank h = N/100 (W - 1) among the samples in order, counted from 0, linear between neighbours. For
  whole weights this is numpy's default percentile of the samples written out. (Where weights are fractions: vi stands
  at ranks C(i-1) to max(C(i-1), Ci - 1), and h is N/100 of the last of these.) p0 is the minimum, p100 the maximum.
- `TM(a%:b%)`, `TC`, `TS`: mean, number and sum of the samples with weight between a % and b % of W, in order of value.
  A sample on the edge counts with the part of its weight that lies inside, so TC may be fractional: (b - a)/100 W.
- `TM(x:y)`, `TC(x:y)`, `TS(x:y)`: the same over samples with x < v <= y. `PR(x:y)`: how many per cent of W those are.
- `WM`: the mean of all samples, those outside moved to the boundary: p(a) and p(b), or x and y.
- `IQM` is `TM(25%:75%)`; `tm90` is `TM(:90%)`, and so tc, ts, wm. A bound may be left open.

TM has no value where no sample is inside; TC, TS and PR are 0 there. All but the first five need to know the
distribution: no value where it is unknown (a statistic set of several values) or a sample is negative. Where the sketch
is rounded (`sketch.RELATIVE_ERROR`), so are they; minimum and maximum are always exact.

Source: the grammar and the definitions of CloudWatch's user guide, "Statistics definitions"; interpolation is not
published there, ours is above.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from watchpost.errors import Refused
from watchpost.metrics.cells import Cells
from watchpost.metrics.sketch import Floats

Form = Literal["SampleCount", "Average", "Sum", "Minimum", "Maximum", "p", "TM", "TC", "TS", "WM", "PR"]
PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_FORMS: dict[str, Form] = {form: form for form in get_args(Form)}

_PERCENT = r"(?:100(?:\.0{0,10})?|\d{1,2}(?:\.\d{0,10})?)"
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_SHORT = re.compile(rf"(p|tm|tc|ts|wm)({_PERCENT})", re.ASCII)
_PERCENTS = re.compile(rf"(TM|TC|TS|WM)\(({_PERCENT})?%?:(?:({_PERCENT})%)?\)", re.ASCII)
_NUMBERS = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER})?:({_NUMBER})?\)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is asked of a cell. `low` and `high` bound it, None is open; in percent of the samples if `percent`.

    For `p`, `high` is the percentile.
    """

    form: Form
    low: float | None = None
    high: float | None = None
    percent: bool = False

    @property
    def plain(self) -> bool:
        """Whether count, sum, minimum and maximum are enough to answer it."""
        return self.form in PLAIN


@lru_cache(maxsize=4096)
def parse_statistic(text: str) -> Statistic:
    """Read a statistic in CloudWatch's grammar.

    Raises: Refused(InvalidParameterValueException): it is none, or a lower bound is not below the upper.

    >>> parse_statistic("tm90") == parse_statistic("TM(:90%)") == Statistic("TM", None, 90.0, percent=True)
    True
    """
    if text in PLAIN:
        return Statistic(_FORMS[text])
    if text == "IQM":
        return Statistic("TM", 25.0, 75.0, percent=True)
    if short := _SHORT.fullmatch(text):
        form = short[1] if short[1] == "p" else short[1].upper()
        return Statistic(_FORMS[form], None, float(short[2]), percent=True)
    bounded, percent = _NUMBERS.fullmatch(text), False
    if not bounded:
        bounded, percent = _percents(text), True
    if not bounded:
        raise _refused(text, "expected " + ", ".join(PLAIN) + ", IQM, p99, tm99, TM(10%:90%), PR(0:300) or the like")
    low, high = (None if bound is None else float(bound) for bound in bounded.group(2, 3))
    if low is None and high is None:
        raise _refused(text, "at least one bound must be given")
    if (0.0 if low is None else low) >= (100.0 if high is None and percent else np.inf if high is None else high):
        raise _refused(text, "the lower bound must be below the upper")
    return Statistic(_FORMS[bounded[1]], low, high, percent)


def _percents(text: str) -> re.Match[str] | None:
    found = _PERCENTS.fullmatch(text)
    # The sign belongs to a number: TM(%:90%) and TM(10:90%) are no statistics.
    return found if found and (found[2] is not None) == ("%:" in text) else None


def _refused(text: str, why: str) -> Refused:
    return Refused("InvalidParameterValueException", f"The value {text} for parameter Stat is not supported: {why}.")


def evaluate(cells: Cells, asked: Statistic) -> Floats:
    """The statistic of each cell, float64, NaN where it has none."""
    match asked.form:
        case "SampleCount":
            return cells.count
        case "Sum":
            return cells.total
        case "Average":
            # Kept between the extremes, which rounding of a long sum may leave by a hair.
            return np.clip(cells.total / cells.count, cells.low, cells.high)
        case "Minimum":
            return cells.low
        case "Maximum":
            return cells.high
    answer = np.full(len(cells), np.nan)
    known = cells[cells.whole]
    if len(known):
        answer[cells.whole] = _of_distribution(_Ordered(known), asked)
    return answer


class _Ordered:
    """The samples of cells in order: `values`, `weights` per item; `below` and `upto` are C(i-1) and Ci."""

    __slots__ = ("below", "first", "high", "last", "lengths", "low", "upto", "values", "weights", "whole")

    def __init__(self, cells: Cells) -> None:
        self.lengths, values, self.weights = cells.explicit()
        self.first = np.cumsum(self.lengths) - self.lengths
        self.last = self.first + self.lengths - 1
        self.low, self.high = cells.low, cells.high
        # Rounded values may lie just outside what was ever reported.
        self.values = np.clip(values, self.spread(cells.low), self.spread(cells.high))
        running = np.cumsum(self.weights)
        self.upto = running - self.spread((running - self.weights)[self.first])
        self.below = self.upto - self.weights
        self.below[self.first] = 0.0  # exactly, whatever the subtractions of a long running sum left
        self.whole = self.upto[self.last]

    def spread(self, figures: Floats) -> Floats:
        """A figure per cell, repeated for each of its items."""
        return np.repeat(figures, self.lengths)

    def gathered(self, figures: Floats) -> Floats:
        """The sum over the items of each cell."""
        summed: Floats = np.add.reduceat(figures, self.first)
        return summed


def _of_distribution(samples: _Ordered, asked: Statistic) -> Floats:
    if asked.form == "p":
        return _percentile(samples, 100.0 if asked.high is None else asked.high)
    if asked.form == "WM":
        return _winsorized_mean(samples, asked)
    inside = _inside(samples, asked)
    if asked.form == "TC":
        return samples.gathered(inside)
    if asked.form == "PR":
        share: Floats = 100.0 * samples.gathered(inside) / samples.whole
        return share
    total = samples.gathered(inside * samples.values)
    if asked.form == "TS":
        return total
    number = samples.gathered(inside)
    mean: Floats = np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0)
    return mean


def _inside(samples: _Ordered, asked: Statistic) -> Floats:
    """How much of each item's weight lies between the bounds."""
    if asked.percent:
        low = samples.spread((asked.low or 0.0) / 100.0 * samples.whole)
        high = samples.spread((100.0 if asked.high is None else asked.high) / 100.0 * samples.whole)
        part: Floats = np.maximum(np.minimum(samples.upto, high) - np.maximum(samples.below, low), 0.0)
        return part
    inside = np.ones(len(samples.values), dtype=np.bool_)
    if asked.low is not None:
        inside &= samples.values > asked.low
    if asked.high is not None:
        inside &= samples.values <= asked.high
    weights: Floats = samples.weights * inside
    return weights


def _percentile(samples: _Ordered, percentile: float) -> Floats:
    end = np.maximum(samples.below, samples.upto - 1.0)  # the last rank at which the value stands
    rank = percentile / 100.0 * end[samples.last]
    begun = np.add.reduceat(samples.below <= samples.spread(rank), samples.first, dtype=np.int64)
    at = samples.first + begun - 1
    following = np.minimum(at + 1, samples.last)
    way = samples.upto[at] - end[at]  # from there to where the next value begins; 1 for whole weights
    part = np.divide(rank - end[at], way, out=np.zeros(len(at)), where=way > 0)
    answer = samples.values[at] + np.clip(part, 0.0, 1.0) * (samples.values[following] - samples.values[at])
    if percentile in {0.0, 100.0}:
        return samples.low if percentile == 0.0 else samples.high
    bounded: Floats = np.clip(answer, samples.low, samples.high)
    return bounded


def _winsorized_mean(samples: _Ordered, asked: Statistic) -> Floats:
    values = samples.values
    if asked.low is not None:
        bound = _percentile(samples, asked.low) if asked.percent else np.full(len(samples.whole), asked.low)
        values = np.maximum(values, samples.spread(bound))
    if asked.high is not None:
        bound = _percentile(samples, asked.high) if asked.percent else np.full(len(samples.whole), asked.high)
        values = np.minimum(values, samples.spread(bound))
    mean: Floats = samples.gathered(values * samples.weights) / samples.whole
    return mean
