"""The rows that the flip test needs, gathered from a stream, and never more than memory allows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from watchpost.bias import BiasCounts, flip_tests
from watchpost.bias.flip_test import Flips
from watchpost.bias.table import FlipOutcome
from watchpost.data.weights import WEIGHT
from watchpost.monitors._bias_columns import completed

MOST_CELLS = 20_000_000
"""160 MB of numbers: a million rows of 20 features."""


class FlipRows:
    """Gathers all rows while they fit, and beyond that a sample of which every row is as likely a part.

    Args: columns: of label, answer and facets. features: by which distances are measured. rng: draws the sample.
    most_cells: how many cells are kept.
    """

    def __init__(
        self,
        columns: Sequence[str],
        features: Sequence[str],
        rng: np.random.Generator,
        most_cells: int = MOST_CELLS,
    ) -> None:
        self._columns, self._features = tuple(dict.fromkeys((*columns, *features))), tuple(features)
        self._rng, self._most = rng, most_cells
        self._parts: list[pl.DataFrame] = []
        self._rows, self._share = 0, 1.0

    def add(self, batch: pl.DataFrame) -> None:
        """Take in the rows of a batch."""
        part = batch.select([name for name in (*self._columns, WEIGHT) if name in batch.columns])
        if self._share < 1:
            part = self._thinned(part, self._share)
        self._parts.append(part)
        self._rows += part.height
        while self._rows * len(self._columns) > self._most:
            self._parts = [self._thinned(whole, 0.5) for whole in self._parts]
            self._rows, self._share = sum(whole.height for whole in self._parts), self._share / 2

    def outcomes(self, counts: BiasCounts) -> Mapping[tuple[str, str], FlipOutcome]:
        """The flip test of every group. counts: of all rows, whatever part of them is here."""
        if counts.grouping.predicted is None or not self._rows:
            return {}
        frame = pl.concat(self._parts, how="diagonal_relaxed") if len(self._parts) > 1 else self._parts[0]
        who = counts.grouping
        if WEIGHT in frame.columns:
            who, frame = replace(who, weight=WEIGHT), frame.with_columns(pl.col(WEIGHT).fill_null(1.0))
        frame = completed(frame, who.columns)
        found = flip_tests(frame, who, counts, features=self._features, rng=self._rng)
        return {key: self._marked(outcome) for key, outcome in found.items()}

    def _marked(self, outcome: FlipOutcome) -> FlipOutcome:
        if isinstance(outcome, str) or self._share == 1:
            return outcome
        o = outcome
        return Flips(o.favoured, o.disfavoured, o.agreed, o.neighbourhoods, sampled=True)

    def _thinned(self, frame: pl.DataFrame, share: float) -> pl.DataFrame:
        return frame.filter(pl.Series(self._rng.random(frame.height) < share))
