"""Which values a column holds: counted exactly while they are few, estimated by a sketch beyond.

Forgetting the counts for good, once the union is too large, is what makes merging a law: they exist exactly when the
whole column has few values, however it was cut into pieces.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.profiles import classes
from watchpost.profiles.distinct import DistinctSketch

LIMIT = 512  # the files show at most 120 values; the rest serves merges, and small counts equal to the original's


class DistinctValues:
    """State of the values of one column; `add` and `add_numbers` change it, `merge` makes a new one.

    counts: rows by text, None once there were more than LIMIT texts.
    """

    __slots__ = ("counts", "sketch")

    def __init__(self) -> None:
        self.counts: Counter[str] | None = Counter()
        self.sketch = DistinctSketch()

    def add(self, counts: Mapping[str, int]) -> None:
        """Add cells by their text, with the number of rows of each."""
        if self.counts is None:
            _add_by_class(self.sketch, counts)
            return
        self.counts.update(counts)
        if len(self.counts) > LIMIT:
            self.forget()

    def add_numbers(self, values: NDArray[np.float64]) -> None:
        """Add cells by their value; only once the counts are gone."""
        assert self.counts is None
        self.sketch.add_numbers(values)

    def forget(self) -> None:
        """Give the counts up for the sketch: more than LIMIT values are known to come."""
        if self.counts is not None:
            _add_by_class(self.sketch, self.counts)
            self.counts = None

    def merge(self, other: "DistinctValues") -> "DistinctValues":
        """Both streams as one; neither part changes."""
        merged = DistinctValues()
        merged.counts, merged.sketch = None, self.sketch.merge(other.sketch)
        known = [part.counts for part in (self, other) if part.counts is not None]
        if len(known) == 2:
            merged.counts = Counter()
        for counts in known:
            merged.add(counts)
        return merged

    def estimate(self) -> float:
        """How many distinct values: a whole number, the original's own estimate while the counts are known."""
        if self.counts is None:
            return self.sketch.estimate()
        sketch = DistinctSketch()
        sketch.add_texts(pl.Series(list(self.counts), dtype=pl.String))
        return sketch.estimate()


def _add_by_class(sketch: DistinctSketch, texts: Iterable[str]) -> None:
    """Texts that are numbers by their value, as typed columns add them; all others by their text."""
    cell = pl.col("cell")
    frame = pl.LazyFrame({"cell": list(texts)}, schema={"cell": pl.String})
    numeric = frame.filter(classes.is_numeric(cell)).select(classes.number(cell)).collect()["cell"]
    sketch.add_numbers(numeric.to_numpy())
    sketch.add_texts(frame.filter(~classes.is_numeric(cell)).collect()["cell"])
