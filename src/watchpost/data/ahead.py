"""Reading ahead: the next batch is read while one is worked on."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor

import polars as pl


def read_ahead(batches: Iterable[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """The same batches in the same order; one is always on its way in a thread of its own. Close it when done early."""
    source = iter(batches)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read") as reader:
        coming = reader.submit(next, source, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, source, None)
            yield batch
