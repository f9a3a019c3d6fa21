"""A table without some of its columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.dataset import Dataset, Identified
from watchpost.data.identifiers import RepeatedIds
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import with_weights


def without(dataset: Dataset, columns: Sequence[str]) -> Dataset:
    """The dataset without these columns, given by name or by their place in its first batch (`"0"`)."""
    wanted = tuple(column.strip() for column in columns if column.strip())
    return _Records(dataset, wanted, dataset) if isinstance(dataset, Identified) else _Table(dataset, wanted)


@dataclass(frozen=True, slots=True)
class _Table:
    """See `without`."""

    whole: Dataset
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """As of the whole."""
        return self.whole.name

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        dropped: set[str] | None = None
        for batch in self.whole.batches(quarantine):
            if dropped is None:
                places = {str(place): name for place, name in enumerate(batch.columns)}
                dropped = {column if column in batch.columns else places.get(column, column) for column in self.columns}
            yield batch.drop(dropped, strict=False)

    def weighted(self) -> Dataset:
        """See Weighted.weighted; weights are behind all columns, and so in no other one's place."""
        return _Table(with_weights(self.whole), self.columns)


@dataclass(frozen=True, slots=True)
class _Records(_Table):
    """The same of captured records, which stay such."""

    records: Identified

    def counting(self, identifiers: RepeatedIds) -> Dataset:
        """See Identified.counting."""
        return _Table(self.records.counting(identifiers), self.columns)

    def by_event(self) -> Dataset:
        """See Identified.by_event; cells are called otherwise there, and nothing is left out of them."""
        return self.records.by_event()
