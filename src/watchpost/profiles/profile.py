"""A whole table's profile: one streaming pass, any number of threads, mergeable."""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import polars as pl

from watchpost import kernels
from watchpost.data.ahead import read_ahead
from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.profiles.cells import quantile_edges
from watchpost.profiles.column import ColumnProfile, Floats, Numbers
from watchpost.profiles.kll import update_together
from watchpost.profiles.pairs import PairTables
from watchpost.profiles.statistics import Statistics

_TOGETHER = 6  # columns sorted in one call: enough to hide Python's share, few enough to spread over the cores


class Profile:
    """The mergeable state of a table: rows, one state per column in order of first appearance, perhaps pair tables.

    Bounded in memory by the sketches (about 50 kB a column), whatever the number of rows.
    """

    __slots__ = ("columns", "pairs", "rows")

    def __init__(
        self, rows: int = 0, columns: Mapping[str, ColumnProfile] | None = None, pairs: PairTables | None = None
    ) -> None:
        self.rows = rows
        self.columns: dict[str, ColumnProfile] = dict(columns or {})
        self.pairs = pairs

    def merge(self, other: "Profile") -> "Profile":
        """Both tables as one, row counts added and columns matched by name; neither part changes.

        A column that one part lacks counts as missing in all of that part's rows. Pair tables are kept when both have
        them. Raises: ValueError when the parts were counted in different cells.
        """
        pairs = self.pairs.merge(other.pairs) if self.pairs is not None and other.pairs is not None else None
        merged = Profile(self.rows + other.rows, self.columns, pairs)
        for name, column in other.columns.items():
            merged.columns[name] = merged.columns[name].merge(column) if name in merged.columns else column
        return merged

    def statistics(self) -> Statistics:
        """The profile as plain statistics, columns in order."""
        return Statistics(self.rows, tuple(column.statistics(self.rows) for column in self.columns.values()))


def profile(
    dataset: Dataset,
    *,
    baseline: Statistics | None = None,
    quarantine: Quarantine | None = None,
    threads: int | None = None,
    pairs: bool = False,
) -> Profile:
    """Profile a table in one pass.

    Args: dataset: the table. baseline: when given, values are also counted exactly in the cells of its quantiles.
    quarantine: where unreadable records go. threads: workers; None lets the machine decide. The result does not depend
    on it. pairs: also count every two features together (`PairTables`); needs a baseline.
    Raises: InputError where the source as a whole cannot be read.
    """
    edges = _cells(baseline)
    result = Profile(pairs=PairTables.of(baseline) if pairs and baseline is not None else None)
    with (
        ThreadPoolExecutor(max_workers=threads or pl.thread_pool_size(), thread_name_prefix="profile") as pool,
        closing(read_ahead(dataset.batches(quarantine or Quarantine()))) as batches,
    ):
        for batch in batches:
            result.rows += batch.height
            for name in batch.columns:
                if name not in result.columns:
                    result.columns[name] = ColumnProfile(name, edges.get(name))
            _update([result.columns[series.name] for series in batch], batch, pool)
            if result.pairs is not None:
                result.pairs.update(batch)
    return result


def _update(columns: list[ColumnProfile], batch: pl.DataFrame, pool: ThreadPoolExecutor) -> None:
    """Add one batch, every column by itself."""
    if kernels.available():
        for _ in pool.map(_update_column, columns, batch):
            pass
    else:
        _update_in_step(columns, batch, pool)


def _update_column(column: ColumnProfile, cells: pl.Series) -> None:
    numbers = column.update(cells)
    if numbers is not None:
        column.quantiles.update(numbers)


def _update_in_step(columns: list[ColumnProfile], batch: pl.DataFrame, pool: ThreadPoolExecutor) -> None:
    """The same without the compiled kernels: the quantile sketches of columns in step together, to share the work."""
    in_step: dict[tuple[object, int, object], list[tuple[ColumnProfile, Numbers]]] = defaultdict(list)
    for column, numbers in zip(columns, pool.map(ColumnProfile.update, columns, batch), strict=True):
        if numbers is not None:
            in_step[column.quantiles.history(), len(numbers), numbers.dtype].append((column, numbers))
    groups = [group[i : i + _TOGETHER] for group in in_step.values() for i in range(0, len(group), _TOGETHER)]
    for _ in pool.map(_update_quantiles, groups):
        pass


def _update_quantiles(group: list[tuple[ColumnProfile, Numbers]]) -> None:
    update_together([column.quantiles for column, _ in group], [numbers for _, numbers in group])


def _cells(baseline: Statistics | None) -> dict[str, Floats]:
    """The inner edges of each numeric baseline feature's quantile cells, by name."""
    features = baseline.features if baseline else ()
    return {f.name: quantile_edges(f.numeric.sketch) for f in features if f.numeric and f.numeric.sketch}
