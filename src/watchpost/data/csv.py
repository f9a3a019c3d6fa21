"""CSV files as a stream of typed blocks, with every record that cannot be read set aside by file and line.

A block is parsed in one go when it is certain that this gives what reading cell by cell would give: no record has too
few or too many fields, and every cell of a column read as numbers has the class its dtype promises. The compiled reader
proves that while it reads; polars reads what does not suit it (quotes), or everything where it was not built, and the
proof follows. Where it fails, the columns are read as text, to be classified cell by cell later. Where a record is
broken, the block is read record by record. Which way a block went never shows in the result.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost import kernels
from watchpost.data.cells_between import dots_between_digits
from watchpost.data.counting import count_byte, count_dots_between_digits, survey_of
from watchpost.data.lines import keep_freed_memory
from watchpost.data.names import distinct_names, positional_names
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import READ_ERRORS, Source
from watchpost.errors import InputError, UnreadableSource
from watchpost.kernels.rows import Field, Kind, read_rows

_BLOCK = 16 << 20  # bytes read at once
_FIRST_BLOCK = 2 << 20  # the first block is read as text, which takes longer, and a part of it tells the types as well
_SAMPLED = 4_096  # cells that tell what a column may be read as; every cell is held to it later
_COUNTED = 512  # different values beyond which nobody counts them by their text (profiles.values.LIMIT)
_LONGEST_RECORD = 64  # lines a quoted field may span; an unclosed quote would otherwise swallow the rest of the file
_LONGEST_LINE = 64 << 20  # bytes; without a bound, a file without line ends would fill the memory
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_DELIMITERS = ";\t|"
_KINDS: dict[pl.DataType, Kind] = {pl.Int64(): "whole", pl.Float64(): "fraction", pl.String(): "cell"}


class CsvFiles:
    """The records of CSV files, in order of the files.

    Args: header: whether each file's first record names the columns. names: the columns' names, given by position to
    files without a header of that width; without them, or for another width, columns are `_c0`, `_c1` and so on.
    delimiter: one ASCII character. block_bytes: how much is read at once. compiled: use the compiled reader where it
    was built; the result is the same.
    Raises: InputError for another delimiter.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        header: bool = True,
        names: Sequence[str] | None = None,
        delimiter: str = ",",
        block_bytes: int = _BLOCK,
        compiled: bool = True,
    ) -> None:
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
            raise InputError(f"{delimiter!r} cannot be the delimiter of a CSV file: give one character, such as ';'.")
        self._sources, self._block_bytes = tuple(sources), block_bytes
        self._header, self._names, self._delimiter = header, tuple(names or ()), delimiter
        self._compiled = compiled and kernels.available()

    @property
    def name(self) -> str:
        """Where the table came from."""
        first, rest = self._sources[0].name, len(self._sources) - 1
        return f"{first} and {rest} more" if rest else first

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See `Dataset.batches`. Raises: UnreadableSource for a file that is no delimited UTF-8 text."""
        for source in self._sources:
            try:
                with source.open() as stream:
                    yield from self._file(source.name, stream, quarantine)
            except READ_ERRORS as error:
                raise UnreadableSource(source.name, str(error), "The file is cut off or damaged") from error

    def _file(self, name: str, stream: IO[bytes], quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        blocks = _blocks(stream, name, self._block_bytes)
        first = next(blocks, None)
        if first is None:
            return
        columns, first = self._columns(name, first)
        parser = _Parser(name, columns, self._delimiter, quarantine, compiled=self._compiled)
        if not first.lines:
            yield parser.empty()
        else:
            yield parser.parse(first)
        for block in blocks:
            yield parser.parse(block)

    def _columns(self, name: str, first: "_Block") -> tuple[list[str], "_Block"]:
        """The column names, and the first block without its header."""
        whole = first.data
        record, lines = _first_record(whole, self._delimiter)
        self._refuse_other_delimiter(name, record, whole)
        if not self._header:
            width = len(record)
            return list(self._names) if width == len(self._names) else positional_names(width), first
        rest = whole.split(b"\n", lines)
        data = rest[lines] if len(rest) > lines else b""
        return distinct_names(record), _Block(data, first.line + lines, max(first.lines - lines, 0), first.cut_off)

    def _refuse_other_delimiter(self, name: str, record: list[str], data: bytes) -> None:
        """A file that splits evenly by another delimiter, and not at all by this one, was meant otherwise."""
        if len(record) > 1:
            return
        lines = data[: 1 << 16].decode("utf-8", "replace").splitlines()[:20]
        for other in _OTHER_DELIMITERS.replace(self._delimiter, ","):
            widths = {line.count(other) for line in lines[:-1] or lines}
            if len(widths) == 1 and widths != {0}:
                raise UnreadableSource(
                    name,
                    f"no {self._delimiter!r} in the first record, but every line has {widths.pop()} of {other!r}",
                    f"If that is the delimiter, give --delimiter {other!r}",
                )


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole records. line: 1-based number of the first line. cut_off: the file ends here, without a line end.

    The bytes are `head` and chunk[start:end], whole lines each, and put together only where somebody needs them so.
    ascii: whether they are known to be ASCII.
    """

    head: bytes
    line: int
    lines: int
    cut_off: bool = False
    chunk: bytes = b""
    start: int = 0
    end: int = 0
    ascii: bool = False

    @property
    def data(self) -> bytes:
        """All bytes; made anew each time."""
        return b"".join(self.pieces()) if self.chunk else self.head

    def pieces(self) -> list[memoryview]:
        """The same as they lie."""
        parts = (memoryview(self.head), memoryview(self.chunk)[self.start : self.end])
        return [part for part in parts if len(part)]


def _blocks(stream: IO[bytes], name: str, size: int) -> Iterator[_Block]:
    """The file as blocks of whole lines, cut where no quoted field is open."""
    keep_freed_memory()
    rest, line = b"", 1
    while True:
        first = line == 1 and not rest
        chunk = stream.read(min(size, _FIRST_BLOCK) if first else size)
        if first:
            if chunk.startswith(_WIDE_BOMS) or b"\0" in chunk[:1024]:
                raise UnreadableSource(name, "it holds zero bytes or a UTF-16 mark", "Save it as UTF-8 text")
            chunk = chunk.removeprefix(_BOM)
        if not chunk:
            data = rest.rstrip(b"\r\n")
            if data:
                data += b"\n"
                yield _Block(data, line, count_byte(data, b"\n"), cut_off=not rest.endswith(b"\n"))
            return
        survey = survey_of(chunk)
        unquoted = not survey.quoted and b'"' not in rest
        end = chunk.rfind(b"\n") + 1 if unquoted else _cut(chunk, quotes_open=rest.count(b'"') % 2 == 1)
        if not end:
            rest += chunk
            if len(rest) > _LONGEST_LINE:
                raise UnreadableSource(name, f"line {line} is longer than {_LONGEST_LINE >> 20} MiB, so it is no CSV")
            continue
        if unquoted:
            start = chunk.find(b"\n") + 1 if rest else 0
            head, ascii_ = rest + chunk[:start], survey.ascii and rest.isascii()
            block = _Block(head, line, survey.lines, chunk=chunk, start=start, end=end, ascii=ascii_)
        else:
            data = b"".join((rest, memoryview(chunk)[:end]))
            block = _Block(data, line, count_byte(data, b"\n"))
        yield block
        line += block.lines
        rest = chunk[end:]


def _cut(data: bytes, *, quotes_open: bool) -> int:
    """End of the last line with an even number of quotes before it; of the last line when there is none near."""
    last = end = data.rfind(b"\n") + 1
    if b'"' not in data and not quotes_open:
        return end
    quotes = quotes_open + data.count(b'"', 0, end)
    for _ in range(_LONGEST_RECORD):
        if quotes % 2 == 0 or not end:
            return end
        start = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', start, end)
        end = start
    return last


def _first_record(data: bytes, delimiter: str) -> tuple[list[str], int]:
    """The first record's fields, and the number of lines it spans."""
    reader = csv.reader(io.StringIO(data[: 4 << 20].decode("utf-8", "replace"), newline=""), delimiter=delimiter)
    return next(reader, []), reader.line_num


class _Parser:
    """Parses the blocks of one file; learns from the first how each column may be read."""

    def __init__(
        self, name: str, columns: list[str], delimiter: str, quarantine: Quarantine, *, compiled: bool
    ) -> None:
        self._compiled = compiled
        self._name, self._columns, self._delimiter, self._quarantine = name, columns, delimiter, quarantine
        self._schema: pl.Schema = pl.Schema(dict.fromkeys(columns, pl.String()))
        self._text = self._schema
        self._learned = False

    def empty(self) -> pl.DataFrame:
        """A block of no rows, which still says which columns there are."""
        return pl.DataFrame(schema=self._text)

    def parse(self, block: _Block) -> pl.DataFrame:
        """The block's records as a frame of the Dataset contract's dtypes."""
        frame = self._read_proved(block)
        if frame is None:
            frame = self._read_unproved(block.data, block)
        if not self._learned:
            self._learned = True
            self._schema = pl.Schema({c: _promise(frame[c]) for c in self._columns})
        return frame

    def _read_proved(self, block: _Block) -> pl.DataFrame | None:
        """The block by the compiled reader, which proves what it reads; None if there is none, or it finds a misfit."""
        if not self._compiled or len(self._columns) < 2 or not (block.ascii or _is_utf8(block.data)):
            return None
        pieces, delimiter = block.pieces(), self._delimiter.encode()
        ending = b"\r\n" if bytes(pieces[-1][-2:]) == b"\r\n" else b"\n"
        kinds = [_KINDS[dtype] for dtype in self._schema.values()]
        fields = [Field(delimiter if i else b"", kind, delimiter + b'\r\n"') for i, kind in enumerate(kinds)]
        frame = read_rows(pieces, block.lines, fields, ending)
        if not isinstance(frame, pl.DataFrame):
            return None
        frame.columns = self._columns
        return frame

    def _read_unproved(self, data: bytes, block: _Block) -> pl.DataFrame:
        """The block by polars, and what it gives held to the contract afterwards; record by record if that fails."""
        frame = self._read(data, self._schema)
        if frame is not None and self._schema != self._text and not self._certain(data, frame):
            frame = self._read(data, self._text)
        if frame is None and self._schema != self._text:
            frame = self._read(data, self._text)
        if frame is None or not self._whole(data, block.lines, frame):
            frame = self._read_records(block)
        return frame

    def _read(self, data: bytes, schema: pl.Schema) -> pl.DataFrame | None:
        try:
            return pl.read_csv(
                data,
                has_header=False,
                schema=schema,
                separator=self._delimiter,
                quote_char='"' if b'"' in data else None,
                raise_if_empty=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _whole(self, data: bytes, lines: int, frame: pl.DataFrame) -> bool:
        """Whether every record certainly had one field for each column (polars fills up short records in silence)."""
        if frame.height != lines:
            return False
        if b'"' not in data:
            # A record too long is refused by polars, so an exact number of delimiters leaves no room for a short one.
            return count_byte(data, self._delimiter.encode()) == lines * (len(self._columns) - 1)
        # Delimiters inside quotes spoil the count. But a short record lacks its last cell, and no other does then.
        return len(self._columns) > 1 and not frame[self._columns[-1]].null_count()

    def _certain(self, data: bytes, frame: pl.DataFrame) -> bool:
        """Whether every cell read as a number has the class that the dtype promises.

        Integers: polars takes what the contract calls Integral, and blanks before it. Floats: polars also takes whole
        numbers, `.5`, `5.` and `inf`, none of which has a dot between digits. When there are as many such dots as
        float cells (a float cell cannot have two), then every float cell is Fractional.
        """
        if b" " in data and not _free_of_leading_blanks(np.frombuffer(data, np.uint8), ord(self._delimiter)):
            return False
        floats = [c for c, dtype in self._schema.items() if dtype == pl.Float64]
        if not floats:
            return True
        cells = len(floats) * frame.height - int(frame.select(pl.col(floats).null_count()).sum_horizontal().item())
        texts = [column for column in frame if column.dtype == pl.String]
        return count_dots_between_digits(data) == cells + _dots_between_digits(texts)

    def _read_records(self, block: _Block) -> pl.DataFrame:
        """The block read record by record: slow and exact. Broken records are set aside with their line."""
        width = len(self._columns)
        good: list[list[str | None]] = []
        last = block.line + block.lines - 1
        for line, text, fields, fault in _records(block, self._delimiter):
            if fault is not None:
                self._quarantine.add(self._name, line, fault, "", text)
            elif len(fields) != width:
                end = ", and the file ends inside this line" if block.cut_off and line == last else ""
                detail = f"expected {width}, found {len(fields)}{end}"
                self._quarantine.add(self._name, line, "wrong number of fields", detail, text)
            else:
                good.append([field or None for field in fields])
        return pl.DataFrame(good, schema=self._text, orient="row")


def _records(block: _Block, delimiter: str) -> Iterator[tuple[int, str, list[str], str | None]]:
    """Each record: line, text, fields, and what is wrong with it as CSV (None: nothing). Blank lines are no records."""
    lines = block.data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    at = 0
    while at < len(lines):
        number, raw, span = block.line + at, lines[at], 1
        fields = _fields(raw, delimiter)
        while fields is None and span < _LONGEST_RECORD and at + span < len(lines) and raw.count(b'"') % 2:
            raw += b"\n" + lines[at + span]
            span += 1
            fields = _fields(raw, delimiter)
        if fields is None:
            # An unclosed quote: only its own line is broken, the next one starts a record again.
            raw, span = lines[at], 1
        at += span
        text = raw.decode("utf-8", "replace").rstrip("\r")
        if not text:
            continue
        if "\ufffd" in text and not _is_utf8(raw):
            yield number, text, [], "not UTF-8"
        elif fields is None:
            yield number, text, [], "unclosed quote"
        else:
            yield number, text, fields, None


def _fields(raw: bytes, delimiter: str) -> list[str] | None:
    """The fields of one record, or None when a quoted field is still open at its end."""
    reader = csv.reader([raw.decode("utf-8", "replace").rstrip("\r")], delimiter=delimiter, strict=True)
    try:
        return next(reader, [])
    except csv.Error:
        return None


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _free_of_leading_blanks(view: NDArray[np.uint8], delimiter: int) -> bool:
    """Whether no cell starts with a blank: ` 7` is Integral by the contract, `  7` is not, and polars takes both."""
    blanks = np.flatnonzero(view == ord(" "))
    before = view[np.maximum(blanks - 1, 0)]
    return not bool(((before == delimiter) | (before == ord("\n")) | (before == ord('"')) | (blanks == 0)).any())


def _dots_between_digits(texts: list[pl.Series]) -> int:
    """As `dots_between_digits`, at half the time where no cell has a dot: the frame as it lies in memory then has none.

    Where it has one, that may be a length or a place.
    """
    lying = io.BytesIO()
    named = [column.alias(str(number)) for number, column in enumerate(texts)]
    pl.DataFrame(named).write_ipc(lying, compression="uncompressed", compat_level=pl.CompatLevel.newest())
    return dots_between_digits(texts) if b"." in lying.getvalue() else 0


def _promise(cells: pl.Series) -> pl.DataType:
    """How a column may be read in later blocks: as numbers, if all its text so far is that and of many values.

    A column of few values stays text, because these are counted by their text: 1.5, 1.50 and 01.5 are three.
    """
    present = cells.drop_nulls()
    if present.n_unique() <= _COUNTED:
        return pl.String()
    sample = present.gather_every(-(-len(present) // _SAMPLED))
    if bool(sample.str.contains(r"^[-+]?[0-9]{1,18}$").all()):
        return pl.Int64()
    if bool(sample.str.contains(r"^[-+]?[0-9]+\.[0-9]+$").all()):
        return pl.Float64()
    return pl.String()
