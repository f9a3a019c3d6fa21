"""Capture lines at the speed of the disk, when one writer wrote them all alike.

Lines of one writer differ only in their payloads and ids: each is the same literal text around the same variable
strings. The first line of a block shows both. Every line is then compared with its literals, byte for byte, and what is
left between them are the variables, which costs a fifth of decoding JSON. JSON leaves no room for doubt once a variable
holds no quote, no backslash and no control character. Whatever does not fit (another writer, an escape, a bad line)
makes the whole block unfit, and the caller decodes it line by line: the outcome is the same, only later.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.cells_between import between, typed_rows
from watchpost.data.envelopes import CapturedSide, decode_capture
from watchpost.data.names import positional_names
from watchpost.data.records import RecordError

_VARIABLE_KEYS = frozenset(("data", "eventId", "inferenceId", "inferenceTime"))
_HOLE = "\0"
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
    """What the lines have in common. literals: around the variables. payloads, identifier: the number of theirs."""

    literals: tuple[str, ...]
    payloads: tuple[int | None, ...]
    identifier: int | None

    @property
    def wanted(self) -> frozenset[int]:
        """The numbers of the variables that are read; the others need only be strings."""
        return frozenset(number for number in (*self.payloads, self.identifier) if number is not None)


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
    variables = None if template is None else between(data, lines, template.literals, template.wanted)
    if template is None or variables is None:
        return None
    read = [None if number is None else typed_rows(variables[number]) for number in template.payloads]
    if any(side is None and number is not None for side, number in zip(read, template.payloads, strict=True)):
        return None
    ids = pl.Series(dtype=pl.String) if template.identifier is None else variables[template.identifier]
    return None if (ids == "").any() else (tuple(read), ids)


def _captured(line: bytes) -> tuple[Payloads, str | None]:
    record = decode_capture(line)
    return (record.captureData.output, record.captureData.input, record.groundTruthData), record.identifier


def _template(line: str, decode: Decode) -> _Template | None:
    """The line with holes for its variables; None for a line that is not CSV on all sides, or needs escapes."""
    tokens = line.split('"')
    strings = range(3, len(tokens) - 1, 2)
    holes = [i for i in strings if tokens[i - 2] in _VARIABLE_KEYS and tokens[i - 1].strip() == ":"]
    probe = list(tokens)
    for number, i in enumerate(holes):
        end = _LINE_END.search(tokens[i])
        ending = end.group() if end else ""
        tokens[i], probe[i] = _HOLE + ending, f"{number}{ending}"
    text, probed = '"'.join(tokens), '"'.join(probe)
    if _HOLE in line or "\\" in _LINE_END.sub("", text.replace('\\r\\n"', '"').replace('\\n"', '"')):
        return None
    try:
        payloads, found = decode(probed.encode("utf-8"))
    except RecordError:
        return None
    if any(side is not None and side.encoding.upper() != "CSV" for side in payloads):
        return None
    places = tuple(None if side is None else _hole_number(side.data) for side in payloads)
    identifier = None if found is None else _hole_number(found)
    return None if -1 in (*places, identifier) else _Template(tuple(text.split(_HOLE)), places, identifier)


def _hole_number(value: str) -> int:
    digits = value.rstrip("\r\n")
    return int(digits) if digits.isdecimal() else -1


def side_by_side(sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All sides' columns under positional names."""
    columns = [column for side in sides for column in side]
    return pl.DataFrame([c.alias(n) for c, n in zip(columns, positional_names(len(columns)), strict=True)])
