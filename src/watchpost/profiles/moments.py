"""Count, sum, mean, spread and extremes of a stream of finite numbers, in a form that merges."""

from dataclasses import dataclass
from math import fsum, inf, sqrt

import polars as pl


@dataclass(frozen=True, slots=True)
class Moments:
    """State of a stream of finite numbers, in the column's own unit.

    squares: sum of squared deviations from the mean. Of an empty stream everything is 0, minimum inf, maximum -inf.
    Source of the merge: Chan, Golub, LeVeque 1979 (parallel variance).
    """

    count: int = 0
    total: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = inf
    maximum: float = -inf

    @classmethod
    def of(cls, values: pl.Series) -> "Moments":
        """The moments of a numeric series without nulls; not finite if a value is not."""
        if not len(values):
            return cls()
        # A sum's last bit depends on where the chunks end, and a reader ends them by bytes: without this, a fault in
        # one column of a CSV file would move the mean of its neighbours.
        values = values.rechunk()
        total, variance = float(values.sum()), values.var(ddof=0)
        low, high = values.min(), values.max()
        assert isinstance(variance, float)
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        # Rounding can put the mean of equal values beside them; it belongs between the extremes.
        mean = min(max(total / len(values), float(low)), float(high))
        return cls(len(values), total, mean, variance * len(values), float(low), float(high))

    def merge(self, other: "Moments") -> "Moments":
        """Both streams as one."""
        if not self.count or not other.count:
            return self if self.count else other
        count, gap = self.count + other.count, other.mean - self.mean
        # Written symmetrically, so that merging either way round gives the same bits.
        mean = (self.count * self.mean + other.count * other.mean) / count
        squares = fsum((self.squares, other.squares, gap * gap * (self.count * other.count / count)))
        low, high = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        return Moments(count, self.total + other.total, min(max(mean, low), high), squares, low, high)

    @property
    def std_dev(self) -> float:
        """Population standard deviation; 0 of an empty stream."""
        return sqrt(self.squares / self.count) if self.count else 0.0
