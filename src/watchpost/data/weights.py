"""Sampling weights: how many calls of the whole traffic each captured record stands for.

Capture by rules writes into a record how probable it was to be captured (docs/capture.md). One over it is the record's
weight (Horvitz and Thompson 1952, JASA 47(260), 663-685); a record that says nothing weighs 1.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError

PROBABILITY_PREFIX = "watchpost-inclusion-probability="
"""Begins the custom attribute of a captured record that holds its inclusion probability, a number in (0, 1]."""

WEIGHT = "watchpost:weight"
"""The column of weights, Float64, behind all others; a batch without it holds records of weight 1. It is no feature."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_CLASSES = 256  # per doubling of the weight: those of one class differ by less than 0.3 %
_CLAIM = 1.1  # a resample may have a tenth more variance than a plain sample of its size
_TRIED = 200  # sizes between thinning and the effective one


@runtime_checkable
class Weighted(Protocol):
    """A dataset whose records may have weights."""

    def weighted(self) -> Dataset:
        """The same dataset; batches in which some record does not weigh 1 also have the column WEIGHT."""
        ...


def with_weights(dataset: Dataset) -> Dataset:
    """The dataset with the weights of its records, where it knows of any."""
    return dataset.weighted() if isinstance(dataset, Weighted) else dataset


def probability_text(attributes: object) -> str | None:
    """What a record's custom attributes say of its inclusion probability; the last one holds. None: nothing.

    attributes: `eventMetadata.customAttributes` as it was found, whatever it is.

    >>> probability_text(["session=7", "watchpost-inclusion-probability=0.1"])
    '0.1'
    """
    listed: Sequence[object] = attributes if isinstance(attributes, list) else ()
    for attribute in reversed(listed):
        if isinstance(attribute, str) and attribute.startswith(PROBABILITY_PREFIX):
            return attribute.removeprefix(PROBABILITY_PREFIX)
    return None


def weight_of(text: str | None) -> float:
    """The weight that an inclusion probability gives, at least 1. Raises: RecordError for what is none.

    >>> weight_of("0.1"), weight_of(None)
    (10.0, 1.0)
    """
    if text is None:
        return 1.0
    probability = float(text) if _NUMBER.fullmatch(text) else 0.0
    # The smallest probabilities have no weight that is a number.
    if not 0.0 < probability <= 1.0 or 1.0 / probability == float("inf"):
        found = f"{PROBABILITY_PREFIX[:-1]} is {text[:40]!r}, expected a number above 0 and at most 1"
        raise RecordError("no inclusion probability", found)
    return 1.0 / probability


def weights_of(texts: pl.Series) -> pl.Series | None:
    """The weights that texts of inclusion probabilities give; None where one of them is none."""
    known = texts.unique()
    try:
        found = [weight_of(text) for text in known]
    except RecordError:
        return None
    return texts.replace_strict(known, pl.Series(found, dtype=pl.Float64), return_dtype=pl.Float64)


def carrying(frame: pl.DataFrame, weights: Sequence[float] | pl.Series | None) -> pl.DataFrame:
    """A batch with the weights of its rows as the last column; without the column where all of them weigh 1.

    A column of the records' own of that name is called `watchpost:weight#2`: what a client sent is no weight.
    """
    own = frame.rename({WEIGHT: f"{WEIGHT}#2"}) if WEIGHT in frame.columns else frame
    if weights is None:
        return own
    column = pl.Series(WEIGHT, weights, dtype=pl.Float64)
    return own if (column == 1.0).all() else own.with_columns(column)


def parted(batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """A batch without the column WEIGHT, and the weights of its rows."""
    if WEIGHT not in batch.columns:
        return batch, pl.Series(WEIGHT, np.ones(batch.height))
    return batch.drop(WEIGHT), batch[WEIGHT]


@dataclass(frozen=True, slots=True)
class WeightSums:
    """What weights come to. rows: records. total, squares: sums of their weights, and of the weights' squares."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, weights: NDArray[np.float64]) -> "WeightSums":
        """With more records."""
        return WeightSums(
            self.rows + len(weights), self.total + float(weights.sum()), self.squares + float((weights**2).sum())
        )

    def merge(self, other: "WeightSums") -> "WeightSums":
        """Of both sides' records."""
        return WeightSums(self.rows + other.rows, self.total + other.total, self.squares + other.squares)

    @property
    def effective_rows(self) -> float:
        """How many records drawn alike would tell a mean as surely, in [0, rows]; 0 without weight.

        Source: Kish 1965, Survey Sampling, 11.7: the square of the weights' sum over the sum of their squares.
        """
        return self.total**2 / self.squares if self.squares else 0.0


@dataclass(frozen=True, slots=True)
class Relative:
    """A Dataset whose weights are relative to the first record's, batch by batch, in one pass.

    While all records weigh alike there is no column of weights, so that figures of them are those of plain records, to
    the last bit: under a uniform percentage nobody needs weights.
    """

    whole: Dataset

    @property
    def name(self) -> str:
        """As of the whole."""
        return self.whole.name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        first: float | None = None
        for batch in self.whole.batches(quarantine):
            if first is None and batch.height:
                first = float(batch[WEIGHT][0]) if WEIGHT in batch.columns else 1.0
            if WEIGHT not in batch.columns and first in (None, 1.0):
                yield batch
                continue
            rows, weights = parted(batch)
            # By numpy: polars multiplies by the inverse, after which w / w need not be 1.
            yield carrying(rows, pl.Series(weights.to_numpy() / (first or 1.0)))


def relative(dataset: Dataset) -> Dataset:
    """The dataset with relative weights, where it knows of any."""
    return Relative(dataset.weighted()) if isinstance(dataset, Weighted) else dataset


@dataclass(slots=True)
class Tallied:
    """A Dataset without its column of weights, which are added up as they pass.

    sums: of the weights so far. least, greatest: among them.
    """

    whole: Dataset
    sums: WeightSums = field(default_factory=WeightSums)
    least: float = float("inf")
    greatest: float = 0.0
    _classes: dict[int, WeightSums] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As of the whole."""
        return self.whole.name

    @property
    def alike(self) -> bool:
        """Whether all records so far weigh the same."""
        return self.least >= self.greatest

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches; to be gone through once."""
        for batch in self.whole.batches(quarantine):
            rows, weights = parted(batch)
            if batch.height:
                self._add(weights.to_numpy())
            yield rows

    def _add(self, weights: NDArray[np.float64]) -> None:
        self.sums = self.sums.plus(weights)
        low, high = float(weights.min()), float(weights.max())
        self.least, self.greatest = min(self.least, low), max(self.greatest, high)
        keys = np.full(1, low) if low == high else weights
        places = np.rint(np.log2(keys) * _CLASSES).astype(np.int64)
        for place in np.unique(places):
            own = weights if low == high else weights[places == place]
            self._classes[int(place)] = self._classes.get(int(place), WeightSums()).plus(own)

    def copies(self) -> float:
        """How often a resample holds a record of weight 1: as large a resample as is worth its rows.

        Drawing from the sample adds chance. Of copies of each record's weight over the greatest one, none or one each,
        the resample is a plain sample of the traffic; of more copies it holds more of what is known, up to the
        effective size. The largest is taken whose variance is at most a tenth above that of a plain sample of its size,
        so that whoever judges it by its rows allows for chance enough.
        """
        parts = self._classes.values()
        rows = np.array([part.rows for part in parts], dtype=np.float64)
        means = np.array([part.total for part in parts]) / rows
        thinned, effective = 1.0 / self.greatest, self.sums.effective_rows
        for rate in np.geomspace(effective / self.sums.total, thinned, _TRIED):
            odd = rate * means % 1.0
            size = rate * self.sums.total
            if size / effective + float((rows * odd * (1.0 - odd)).sum()) / size <= _CLAIM:
                return float(rate)
        return thinned


@dataclass(frozen=True, slots=True)
class Resample:
    """A Dataset of records drawn by their weights, so that each stands for equally many calls: a plain sample.

    whole: with the column WEIGHT. copies: expected of a record of weight 1. start: in [0, 1), drawn at random.
    A record comes as often as its weight says, up or down to a whole number, in place; its expectation is exact.
    Source: Madow 1949, Annals of Mathematical Statistics 20(3), 333-354 (systematic sampling, unequal probabilities).
    """

    whole: Dataset
    copies: float
    start: float

    @property
    def name(self) -> str:
        """As of the whole."""
        return self.whole.name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches; only what was drawn."""
        reached = self.start
        for batch in self.whole.batches(quarantine):
            rows, weights = parted(batch)
            ends = np.concatenate(([reached], reached + np.cumsum(weights.to_numpy() * self.copies)))
            drawn = np.diff(np.floor(ends)).astype(np.int64)
            reached = float(ends[-1]) % 1.0
            if drawn.any():
                yield rows[np.repeat(np.arange(rows.height), drawn)]


def tally(dataset: Dataset) -> Tallied | None:
    """The weights of a dataset, read for nothing else; None where it knows of none."""
    if not isinstance(dataset, Weighted):
        return None
    found = Tallied(dataset.weighted())
    for _ in found.batches(Quarantine()):
        pass
    return found


def resampled(dataset: Dataset, weights: Tallied, rng: np.random.Generator) -> Dataset:
    """The dataset as a plain sample of the traffic; itself where all its records weigh alike. weights: its own."""
    if weights.alike:
        return dataset
    return Resample(with_weights(dataset), weights.copies(), float(rng.random()))
