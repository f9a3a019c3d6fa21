"""Parquet files as a stream of slices: memory stays bounded whatever the size of their row groups."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from watchpost.data.flatten import flatten_frame
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import READ_ERRORS, Source
from watchpost.errors import UnreadableSource

_CELLS = 5_000_000  # cells in a slice: 40 MB as numbers. Row groups of a million rows would cost a gigabyte each.
_LEAST_ROWS = 16_384
_MOST_ROWS = 1_250_000  # of a table of few columns: the next slice is read while one is worked on


class ParquetFiles:
    """The rows of Parquet files, in order of the files. Columns are matched by name; a file may lack some."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def name(self) -> str:
        """Where the table came from."""
        first, rest = self._sources[0].name, len(self._sources) - 1
        return f"{first} and {rest} more" if rest else first

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See `Dataset.batches`. A file that is no Parquet is an error: there is no record in it to set aside."""
        del quarantine  # a Parquet file is readable as a whole or not at all
        for source in self._sources:
            try:
                with _local_copy(source) as path:
                    yield from (flatten_frame(piece) for piece in _slices(path))
            except pl.exceptions.DuplicateError as error:
                reason = str(error).partition("\n")[0]
                raise UnreadableSource(source.name, reason, "Give every column a name of its own") from error
            except (pl.exceptions.PolarsError, *READ_ERRORS) as error:
                reason = str(error).partition("\n")[0]
                raise UnreadableSource(source.name, f"not a whole Parquet file ({reason})") from error


def _slices(path: Path) -> Iterator[pl.DataFrame]:
    frame = pl.scan_parquet(path, glob=False)
    rows = int(frame.select(pl.len()).collect().item())
    width = len(frame.collect_schema())
    step = min(max(_LEAST_ROWS, _CELLS // max(width, 1)), _MOST_ROWS)
    for start in range(0, max(rows, 1), step):
        yield frame.slice(start, step).collect()


@contextmanager
def _local_copy(source: Source) -> Iterator[Path]:
    """The file's path; an object or a compressed file is first copied to disk, as Parquet is read at random."""
    if (path := source.local) is not None:
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        with source.open() as stream:
            shutil.copyfileobj(stream, copy, length=1 << 20)
        copy.flush()
        yield Path(copy.name)
