"""The mergeable state of one column.

State follows cells, not columns: a cell that is a number goes to the numeric state, any other to the text state,
whichever way the reader typed the batch. So pieces that were read differently (a CSV column that turns out to hold text
in its last block) still merge to what one reading would have given.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.profiles import classes
from watchpost.profiles.baseline_json import java_double
from watchpost.profiles.kll import QuantileSketch
from watchpost.profiles.moments import Moments
from watchpost.profiles.seen import WORTH_REMEMBERING, WORTH_ROWS, SeenNumbers, SeenTexts
from watchpost.profiles.statistics import Bucket, ClassCounts, FeatureStatistics, NumericStatistics, Sketch
from watchpost.profiles.values import LIMIT, DistinctValues

Floats = NDArray[np.float64]
Numbers = NDArray[np.float64 | np.int32]

_HISTOGRAM_LIMIT = 120  # the original shows a histogram up to this many (approximately) distinct values (contract 2.5)
_PROBE = 2_000  # cells that tell a column of many different values from one of few, and numbers from text
_BUCKETS = 10
_SPAN = 65_536  # of whole numbers counted by their place, at a fifth of the cost of grouping them
_CELL = pl.col("cell")


class ColumnProfile:
    """State of one column; `update` changes it, `merge` makes a new one.

    Args: edges: cells of a baseline to count in (`QuantileSketch`).
    """

    __slots__ = ("_numbers", "_seen", "classes", "moments", "name", "quantiles", "values")

    def __init__(self, name: str, edges: Floats | None = None) -> None:
        self.name = name
        self.classes = ClassCounts()
        self.moments = Moments()
        self.quantiles = QuantileSketch(edges)
        self.values = DistinctValues()
        self._seen: SeenTexts | None = None
        self._numbers: SeenNumbers | None = None

    def update(self, cells: pl.Series) -> Numbers | None:
        """Add the cells of one batch, except to the quantile sketch.

        Args: cells: a column of a `Dataset` batch.
        Returns: the finite numbers among them, in order, which the caller adds to `quantiles` (so that columns in step
        can share the work); None if there are none.
        """
        present = cells.drop_nulls() if cells.null_count() else cells
        if not len(present):
            return None
        if present.dtype == pl.String:
            return self._update_text(present.alias("cell"))
        if present.dtype == pl.Boolean:
            trues = int(present.sum())
            self._count(ClassCounts(boolean=len(present)))
            self.values.add({text: n for text, n in (("true", trues), ("false", len(present) - trues)) if n})
            return None
        if present.dtype.is_integer():
            self._count(ClassCounts(integral=len(present)))
            return self._update_numbers(present)
        finite = present
        moments = Moments.of(present)
        if not np.isfinite(moments.squares):
            finite = present.filter(present.is_finite())
            moments = Moments.of(finite)
        self._count(ClassCounts(fractional=len(finite), non_finite=len(present) - len(finite)))
        return self._update_numbers(finite, moments) if len(finite) else None

    def merge(self, other: "ColumnProfile") -> "ColumnProfile":
        """Both streams as one; neither part changes."""
        merged = ColumnProfile(self.name)
        merged.classes = classes.plus(self.classes, other.classes)
        merged.moments = self.moments.merge(other.moments)
        merged.quantiles = self.quantiles.merge(other.quantiles)
        merged.values = self.values.merge(other.values)
        return merged

    def statistics(self, rows: int) -> FeatureStatistics:
        """The state as plain statistics. rows: of the whole table; those without a cell here are missing."""
        present = self.classes.total
        kind = classes.infer_type(self.classes)
        numeric = None
        if kind in {"Integral", "Fractional"} and self.moments.count:
            moments, sketch = self.moments, self.quantiles.sketch()
            numeric = NumericStatistics(
                mean=moments.mean,
                sum=moments.total,
                std_dev=moments.std_dev,
                min=moments.minimum,
                max=moments.maximum,
                buckets=_buckets(sketch, moments.minimum, moments.maximum),
                sketch=sketch,
                cells=self.quantiles.cells(),
            )
        distinct = self.values.estimate() if present else None
        few = self.values.counts is not None and distinct is not None and distinct <= _HISTOGRAM_LIMIT
        return FeatureStatistics(
            name=self.name,
            inferred_type=kind,
            present=present,
            missing=rows - present,
            distinct=distinct,
            completeness=present / rows if rows else None,
            numeric=numeric,
            categories=_by_frequency(self.values.counts or {}) if kind == "String" and few else None,
            classes=self.classes,
        )

    def _count(self, counts: ClassCounts) -> None:
        self.classes = classes.plus(self.classes, counts)

    def _update_numbers(self, values: pl.Series, moments: Moments | None = None) -> Numbers:
        """Add the finite numbers of a typed column; at least one."""
        floats = values.cast(pl.Float64)
        moments = moments or Moments.of(floats)
        self.moments = self.moments.merge(moments)
        self._add_values(values)
        numbers = floats.to_numpy()
        if self.values.counts is None:
            self.values.add_numbers(numbers)
        if values.dtype.is_integer() and moments.minimum >= -(2**31) and moments.maximum < 2**31:
            return values.cast(pl.Int32).to_numpy()  # half the bytes to sort, and the same order
        return numbers

    def _update_text(self, cells: pl.Series) -> Floats | None:
        """Add raw text cells, each by its class; at least one."""
        found = None if self._numbers is None else self._numbers.look_up(cells)
        if found is not None:
            self._count(ClassCounts(integral=found.integral, fractional=len(cells) - found.integral))
            return self._add_few_numbers(found.values, found.texts)
        if self._seen is not None:
            cells = self._add_seen(self._seen, cells)
            if not len(cells):
                return None
        probe = cells.head(_PROBE).to_list()
        if len(set(probe)) > LIMIT and any(map(classes.MAY_BE_NUMERIC.match, probe)):
            return self._update_many_texts(cells.to_frame())
        words = cells.value_counts(name="rows")
        if words.height <= LIMIT:
            return self._add_few_texts(cells, _by_text(words))
        if words.select(classes.may_be_numeric(_CELL).any()).item():
            return self._update_mixed_texts(cells.to_frame(), words)
        self._add_words(words)
        return None

    def _update_mixed_texts(self, frame: pl.DataFrame, words: pl.DataFrame) -> Floats | None:
        """The same for cells counted already, numbers among them; words: columns `cell` (distinct) and `rows`."""
        kinds = words.select("rows", integral=classes.is_integral(_CELL), fractional=classes.is_fractional(_CELL))
        integral = int(kinds.filter("integral")["rows"].sum())
        fractional = int(kinds.filter("fractional")["rows"].sum())
        self._count(ClassCounts(integral=integral, fractional=fractional))
        if integral + fractional == frame.height:
            return self._add_number_texts(frame)
        self._add_words(words.filter(~(kinds["integral"] | kinds["fractional"])))
        return self._add_number_texts(frame.filter(classes.is_numeric(_CELL))) if integral + fractional else None

    def _add_few_texts(self, cells: pl.Series, words: Mapping[str, int]) -> Floats | None:
        """Add text cells of few different texts; words: how often each of them is there."""
        integral = {word: rows for word, rows in words.items() if classes.INTEGRAL_TEXT.fullmatch(word)}
        fractional = {word: rows for word, rows in words.items() if classes.FRACTIONAL_TEXT.fullmatch(word)}
        numbers = integral.keys() | fractional.keys()
        self._count(ClassCounts(integral=sum(integral.values()), fractional=sum(fractional.values())))
        if len(numbers) == len(words):
            return self._add_few_number_texts(cells, words, integral)
        self._add_few_words({word: rows for word, rows in words.items() if word not in numbers})
        return self._add_number_texts(cells.to_frame().filter(_CELL.is_in(list(numbers)))) if numbers else None

    def _add_seen(self, seen: SeenTexts, cells: pl.Series) -> pl.Series:
        """Add the cells whose text is remembered; returns the others, in order."""
        texts, _, unknown = seen.look_up(cells)
        # Truth values are counted texts always: two texts cannot have made the counts overflow.
        booleans = texts.get("true", 0) + texts.get("false", 0)
        self._count(ClassCounts(boolean=booleans, string=len(cells) - len(unknown) - booleans))
        if self.values.counts is not None:
            self.values.add(texts)
        return unknown

    def _update_many_texts(self, frame: pl.DataFrame) -> Floats | None:
        """The same for a batch of many different texts, cell by cell: counting them all first would cost more."""
        kinds = frame.select(integral=classes.is_integral(_CELL), fractional=classes.is_fractional(_CELL))
        integral, fractional = int(kinds["integral"].sum()), int(kinds["fractional"].sum())
        self._count(ClassCounts(integral=integral, fractional=fractional))
        if integral + fractional == frame.height:
            return self._add_number_texts(frame)
        numeric = kinds["integral"] | kinds["fractional"]
        words = frame.filter(~numeric).to_series().value_counts(name="rows")
        self._add_words(words)
        return self._add_number_texts(frame.filter(numeric)) if integral + fractional else None

    def _add_number_texts(self, frame: pl.DataFrame) -> Floats:
        """Add text cells that are numbers, their classes aside; returns the numbers in order."""
        series = frame.select(classes.number(_CELL)).to_series()
        self.moments = self.moments.merge(Moments.of(series))
        self._add_values(frame.to_series())
        numbers = series.to_numpy()
        if self.values.counts is None:
            self.values.add_numbers(numbers)
        return numbers

    def _add_few_number_texts(self, cells: pl.Series, words: Mapping[str, int], integral: Collection[str]) -> Floats:
        """The same for cells of few different texts, all numbers; each is converted once, the rest is looking up."""
        texts = pl.Series("cell", list(words))
        known = texts.to_frame().select(classes.number(_CELL)).to_series().to_numpy()
        numbers = self._add_few_numbers(known[cells.cast(pl.Enum(texts)).to_physical().to_numpy()], words)
        if self.values.counts is None:
            self._numbers = None
        elif len(cells) >= WORTH_REMEMBERING:
            self._numbers = self._numbers or SeenNumbers()
            self._numbers.remember(dict(zip(words, known.tolist(), strict=True)), integral)
        return numbers

    def _add_few_numbers(self, numbers: Floats, words: Mapping[str, int]) -> Floats:
        """Add numbers of few different texts, their classes aside. words: how often each text is there."""
        self.moments = self.moments.merge(Moments.of(pl.Series(numbers)))
        self.values.add(words)
        return numbers

    def _add_few_words(self, words: Mapping[str, int]) -> None:
        """Add text cells that are no numbers: few different ones, with the number of rows of each."""
        booleans = [word for word in words if word in classes.TRUTH_VALUES]
        others = [word for word in words if word not in classes.TRUTH_VALUES]
        rows, true_or_false = sum(words.values()), sum(words[word] for word in booleans)
        self._count(ClassCounts(boolean=true_or_false, string=rows - true_or_false))
        if self.values.counts is None:
            self.values.sketch.add_texts(pl.Series(list(words), dtype=pl.String))
        else:
            self.values.add(words)
        self._remember(booleans, counted=True, rows=rows)
        self._remember(others, counted=self.values.counts is not None, rows=rows)

    def _add_words(self, words: pl.DataFrame) -> None:
        """The same, few or many: columns `cell` (distinct) and `rows`."""
        if words.height <= LIMIT:
            self._add_few_words(_by_text(words))
            return
        rows = int(words["rows"].sum())
        true_or_false = words.filter(classes.is_boolean(_CELL))
        booleans = int(true_or_false["rows"].sum())
        self._count(ClassCounts(boolean=booleans, string=rows - booleans))
        self.values.forget()
        self.values.sketch.add_texts(words["cell"])
        self._remember(true_or_false["cell"], counted=True, rows=rows)
        self._remember(words.filter(~classes.is_boolean(_CELL))["cell"], counted=False, rows=rows)

    def _remember(self, texts: pl.Series | Sequence[str], *, counted: bool, rows: int) -> None:
        """Take texts into the memory; there is one as soon as a batch of so many rows makes it worth its size."""
        if self._seen is None and rows >= WORTH_ROWS:
            self._seen = SeenTexts()
        if self._seen is not None and len(texts):
            self._seen.remember(pl.Series(texts, dtype=pl.String), counted=counted)

    def _add_values(self, values: pl.Series) -> None:
        """Count numbers by their text, or give the counts up when there are too many different ones."""
        if self.values.counts is None:
            return
        # Not by polars: its own would wait here for the threads that read the next batch.
        if len(set(values.head(_PROBE).to_list())) > LIMIT:
            self.values.forget()
            return
        keys, rows = _counted(values)
        if len(keys) > LIMIT:
            self.values.forget()
            return
        texts = map(java_double, keys) if values.dtype == pl.Float64 else map(str, keys)
        self.values.add(dict(zip(texts, rows, strict=True)))


def _by_text(words: pl.DataFrame) -> dict[str, int]:
    return dict(zip(words["cell"].to_list(), words["rows"].to_list(), strict=True))


def _counted(values: pl.Series) -> tuple[Sequence[int | float], Sequence[int]]:
    """The different numbers of a series without nulls, and how often each is there."""
    if values.dtype.is_integer():
        low, high = values.min(), values.max()
        assert isinstance(low, int)
        assert isinstance(high, int)
        if high - low < _SPAN and high < 2**63:
            counts = np.bincount((values - low).cast(pl.Int64).to_numpy())
            places = np.flatnonzero(counts)
            return (places + low).tolist(), counts[places].tolist()
    found = values.value_counts(name="rows")
    return found[values.name].to_list(), found["rows"].to_list()


def _buckets(sketch: Sketch, low: float, high: float) -> tuple[Bucket, ...]:
    """Ten equal-width buckets from the extremes, counted by the sketch. Source: contract 2.3."""
    values, counts = sketch.cumulative()
    below = np.concatenate(([0], counts))
    bounds = [low + (high - low) * i / _BUCKETS for i in range(_BUCKETS + 1)]
    ranks = below[np.searchsorted(values, bounds, side="left")]
    ranks[-1] = below[np.searchsorted(values, high, side="right")]
    return tuple(Bucket(bounds[i], bounds[i + 1], float(ranks[i + 1] - ranks[i])) for i in range(_BUCKETS))


def _by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first, equal ones by name: the same data gives the same file, whatever the order of reading."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
