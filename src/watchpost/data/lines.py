"""Files of lines as blocks of whole lines, several small files to a block, each line's place remembered."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import IO

from watchpost.data.counting import count_byte
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import READ_ERRORS, Source
from watchpost.errors import UnreadableSource

BLOCK_BYTES = (
    8 << 20
)  # large enough to amortise some forty calls per block; a block takes six times that while it is read
LONGEST_LINE = 32 << 20  # bytes; a longer line is no record but a broken file, and would unbound the memory
_BOM = b"\xef\xbb\xbf"
_KEPT = 31 << 20  # below the 32 MiB up to which glibc learns


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines, each ended by a newline.

    data: the bytes. count: how many lines. starts: index of the first line of each piece, ascending from 0.
    places: the source's name of each piece, and the 1-based number its first line has there.
    """

    data: bytes
    count: int
    starts: tuple[int, ...]
    places: tuple[tuple[str, int], ...]

    def place(self, index: int) -> tuple[str, int]:
        """Source name and 1-based line number of the block's line `index`."""
        piece = bisect_right(self.starts, index) - 1
        name, first = self.places[piece]
        return name, first + index - self.starts[piece]

    def lines(self) -> list[bytes]:
        """The lines, newlines taken off."""
        return self.data.split(b"\n")[:-1]


def line_blocks(
    sources: Sequence[Source], quarantine: Quarantine, size: int = BLOCK_BYTES, longest: int = LONGEST_LINE
) -> Iterator[LineBlock]:
    """The lines of all sources in order, about `size` bytes at a time.

    A byte order mark is taken off; a last line without its newline counts as a line (whoever parses it will say if it
    is cut off). A source that fails while being read is quarantined from there on, and so is a line of more than
    `longest` bytes; the others are still read. Raises: UnreadableSource when no source could be opened.
    """
    keep_freed_memory()
    gathered = _Gathered()
    failures: list[UnreadableSource] = []
    for source in sources:
        try:
            for chunk, first, lines in _chunks(source, quarantine, size, longest):
                gathered.add(chunk, (source.name, first), lines)
                if gathered.size >= size // 2:
                    yield gathered.take()
        except UnreadableSource as error:
            failures.append(error)
            quarantine.add(source.name, None, "unreadable file", str(error))
    if gathered.size:
        yield gathered.take()
    if failures and len(failures) == len(sources):
        raise failures[0]


class _Gathered:
    """Pieces of several sources on their way to one block."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._starts: list[int] = []
        self._places: list[tuple[str, int]] = []
        self._lines = 0
        self.size = 0

    def add(self, chunk: bytes, place: tuple[str, int], lines: int) -> None:
        self._chunks.append(chunk)
        self._starts.append(self._lines)
        self._places.append(place)
        self._lines += lines
        self.size += len(chunk)

    def take(self) -> LineBlock:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        block = LineBlock(data, self._lines, tuple(self._starts), tuple(self._places))
        self.__init__()  # type: ignore[misc]  # an emptied gatherer is a new one
        return block


def _chunks(source: Source, quarantine: Quarantine, size: int, longest: int) -> Iterator[tuple[bytes, int, int]]:
    """Whole lines of one source, `size` bytes and the rest of the last line; the first one's number; how many."""
    number = 1
    with source.open() as stream:
        while True:
            try:
                chunk = stream.read(size)
                tail = b"" if chunk.endswith(b"\n") else stream.readline(longest)
            except READ_ERRORS as error:
                if number == 1:
                    raise UnreadableSource(source.name, str(error)) from error
                quarantine.add(source.name, number, "file broken off", str(error))
                return
            if not chunk:
                return
            whole = (chunk + tail if tail else chunk) if number > 1 else (chunk + tail).removeprefix(_BOM)
            if len(tail) == longest and not tail.endswith(b"\n"):
                end = whole.rfind(b"\n") + 1
                if end:
                    lines = count_byte(whole[:end], b"\n")
                    yield whole[:end], number, lines
                    number += lines
                excerpt = whole[end : end + 200].decode("utf-8", "replace")
                quarantine.add(source.name, number, "line too long", f"more than {longest} bytes", excerpt)
                _skip_line(stream, longest)
                number += 1
                continue
            if not whole.endswith(b"\n"):
                whole += b"\n"
            lines = count_byte(whole, b"\n")
            yield whole, number, lines
            number += lines


def _skip_line(stream: IO[bytes], longest: int) -> None:
    """Reads to the end of the current line."""
    while (piece := stream.readline(longest)) and not piece.endswith(b"\n"):
        pass


@cache
def keep_freed_memory() -> None:
    """Let the C library reuse the memory of one block for the next.

    By default glibc gives what a block frees back to the system, and to fault its pages in again costs more than to
    read the file. Freeing one large piece, which is never touched, raises the sizes from which it does (mallopt(3),
    M_MMAP_THRESHOLD); elsewhere this does nothing.
    """
    bytes(_KEPT)
