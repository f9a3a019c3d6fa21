"""A sign of life while a table is read: rows so far and how fast, on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from watchpost.data.dataset import Dataset, Identified
from watchpost.data.identifiers import RepeatedIds
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import with_weights


class _Watched:
    """A dataset that reports its rows as they pass."""

    def __init__(self, dataset: Dataset, progress: Progress) -> None:
        self._dataset, self._progress = dataset, progress

    @property
    def name(self) -> str:
        return self._dataset.name

    def counting(self, identifiers: RepeatedIds) -> Dataset:
        if not isinstance(self._dataset, Identified):
            return self
        return _Watched(self._dataset.counting(identifiers), self._progress)

    def by_event(self) -> Dataset:
        return _Watched(self._dataset.by_event(), self._progress) if isinstance(self._dataset, Identified) else self

    def weighted(self) -> Dataset:
        return _Watched(with_weights(self._dataset), self._progress)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        task = self._progress.add_task(self.name, total=None, rows="0")
        rows = 0
        for batch in self._dataset.batches(quarantine):
            rows += batch.height
            self._progress.update(task, rows=f"{rows:,}")
            yield batch


@contextmanager
def watched(dataset: Dataset) -> Iterator[Dataset]:
    """The same dataset, with a line on stderr that counts its rows; nothing at all in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield dataset
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[rows]} rows"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        yield _Watched(dataset, progress)
