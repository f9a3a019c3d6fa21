"""Capture lines at the speed of the disk, when one writer wrote them all alike.

Lines of one writer differ only in their payloads and ids: each is the same literal text around the same variable
strings. The first line of a block shows both, and the whole block is then read as a table whose cells are the payloads'
(see `cells_between`), which costs a fifth of decoding JSON. JSON leaves no room for doubt once a variable holds no quote,
no backslash and no control character. Whatever does not fit (another writer, an escape, a payload of another width, a bad
line) makes the whole block unfit, and the caller decodes it line by line: the outcome is the same, only later.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.cells import typed_text
from watchpost.data.cells_between import HOLE, LineShape, read_cells
from watchpost.data.envelopes import CapturedSide, decode_capture
from watchpost.data.names import positional_names
from watchpost.data.records import RecordError

_VARIABLE_KEYS = frozenset(("data", "eventId", "inferenceId", "inferenceTime"))
_LINE_END = re.compile(r"(?:\\r)?\\n$")


@dataclass(frozen=True, slots=True)
class UniformBlock:
    """A block's rows, one per line.

    frame: columns by position, output first. outputs: how many of them are the output's. ids: the lines' ids, if any.
    truth: the merged ground truth's columns; None without any.
    """

    frame: pl.DataFrame
    ids: pl.Series
    outputs: int
    truth: pl.DataFrame | None = None


Payloads = tuple[CapturedSide | None, ...]
Decode = Callable[[bytes], tuple[Payloads, str | None]]
"""What a line holds: its payloads, each with an encoding, and its id. Raises: RecordError."""


@dataclass(frozen=True, slots=True)
class _Template:
    """What the lines have in common. payloads, identifier: the number of their variable."""

    shape: LineShape
    payloads: tuple[int | None, ...]
    identifier: int | None


def read_uniform(data: bytes, lines: int) -> UniformBlock | None:
    """The rows of a block of `lines` lines, each ended by a newline, all CSV; None when the block is unfit."""
    found = read_payloads(data, lines, _captured)
    if found is None:
        return None
    (output, input_, truth), ids = found
    sides = [side for side in (output, input_) if side is not None]
    return UniformBlock(side_by_side(sides), ids, 0 if output is None else output.width, truth)


def read_payloads(data: bytes, lines: int, decode: Decode) -> tuple[tuple[pl.DataFrame | None, ...], pl.Series] | None:
    """The payloads of every line of a block as typed columns, and the lines' ids, if any; None for an unfit block.

    decode: says of one line what its payloads and its id are.
    """
    try:
        head = data[: data.index(b"\n")].decode("utf-8")
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    template = _template(head, decode)
    cells = None if template is None else read_cells(data, lines, template.shape)
    if template is None or cells is None:
        return None
    sides = [None if number is None else cells[number] for number in template.payloads]
    # A payload without a byte holds no row; one without a cell in several columns still holds its commas.
    if any(side is not None and len(side) == 1 and side[0].null_count() for side in sides):
        return None
    ids = [pl.Series(dtype=pl.String)] if template.identifier is None else cells[template.identifier]
    if len(ids) > 1 or ids[0].null_count():
        return None
    return tuple(None if side is None else typed_text(pl.DataFrame(side)) for side in sides), ids[0]


def _captured(line: bytes) -> tuple[Payloads, str | None]:
    record = decode_capture(line)
    return (record.captureData.output, record.captureData.input, record.groundTruthData), record.identifier


def _template(line: str, decode: Decode) -> _Template | None:
    """The line with holes for its variables; None for a line that is not CSV on all sides, or needs escapes."""
    tokens = line.split('"')
    strings = range(3, len(tokens) - 1, 2)
    holes = [i for i in strings if tokens[i - 2] in _VARIABLE_KEYS and tokens[i - 1].strip() == ":"]
    probe = list(tokens)
    widths = []
    for number, i in enumerate(holes):
        widths.append(tokens[i].count(",") + 1)
        end = _LINE_END.search(tokens[i])
        ending = end.group() if end else ""
        tokens[i], probe[i] = HOLE + ending, f"{number}{ending}"
    text, probed = '"'.join(tokens), '"'.join(probe)
    if HOLE in line or "\\" in _LINE_END.sub("", text.replace('\\r\\n"', '"').replace('\\n"', '"')):
        return None
    try:
        payloads, found = decode(probed.encode("utf-8"))
    except RecordError:
        return None
    if any(side is not None and side.encoding.upper() != "CSV" for side in payloads):
        return None
    places = tuple(None if side is None else _hole_number(side.data) for side in payloads)
    identifier = None if found is None else _hole_number(found)
    if -1 in (*places, identifier):
        return None
    shape = LineShape(text, tuple(widths), frozenset(place for place in places if place is not None))
    return _Template(shape, places, identifier)


def _hole_number(value: str) -> int:
    digits = value.rstrip("\r\n")
    return int(digits) if digits.isdecimal() else -1


def side_by_side(sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All sides' columns under positional names."""
    columns = [column for side in sides for column in side]
    return pl.DataFrame([c.alias(n) for c, n in zip(columns, positional_names(len(columns)), strict=True)])
