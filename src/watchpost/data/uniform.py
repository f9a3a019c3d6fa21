"""Capture lines at the speed of the disk, when one writer wrote them all alike.

Lines of one writer differ only in their payloads and ids: each is the same literal text around the same variable
strings. The first line of a block shows both. All lines are then parsed at once as if they were CSV, their literals
compared byte for byte, which costs a tenth of decoding JSON. JSON leaves no room for doubt once a variable holds no
quote, no backslash and no control character. Whatever does not fit (another writer, an escape, a bad line) makes the
whole block unfit, and the caller decodes it line by line: the outcome is the same, only later.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.cells import typed_text
from watchpost.data.cells_between import Variable, cells_between
from watchpost.data.envelopes import CapturedSide, decode_unweighed
from watchpost.data.names import positional_names
from watchpost.data.records import RecordError
from watchpost.data.weights import PROBABILITY_PREFIX, weights_of

_VARIABLE_KEYS = frozenset(("data", "eventId", "inferenceId", "inferenceTime"))
_HOLE = "\0"
_LINE_END = re.compile(r"(?:\\r)?\\n$")


@dataclass(frozen=True, slots=True)
class UniformBlock:
    """A block's rows, one per line.

    frame: columns by position, output first. outputs: how many of them are the output's. ids: the lines' ids, if any.
    truth: the merged ground truth's columns; None without any. weights: of the records; None where all weigh 1.
    """

    frame: pl.DataFrame
    ids: pl.Series
    outputs: int
    truth: pl.DataFrame | None = None
    weights: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class LineParts:
    """What a line holds: its payloads, each with an encoding, its id, and the text of its inclusion probability."""

    payloads: tuple[CapturedSide | None, ...]
    identifier: str | None
    probability: str | None = None


Decode = Callable[[bytes], LineParts]
"""The parts of a line. Raises: RecordError."""


@dataclass(frozen=True, slots=True)
class BlockParts:
    """The same of a block: payloads as typed columns; the ids, and the texts of probabilities, if any."""

    payloads: tuple[pl.DataFrame | None, ...]
    ids: pl.Series
    probabilities: pl.Series | None


@dataclass(frozen=True, slots=True)
class _Template:
    """What the lines have in common. literals: around the variables. payloads and the others: the number of theirs.

    firsts: the variables, as the first line has them.
    """

    literals: tuple[str, ...]
    firsts: tuple[str, ...]
    payloads: tuple[int | None, ...]
    identifier: int | None
    probability: int | None

    def variables(self) -> list[Variable]:
        """The variables, each to be read as what it is."""
        texts = (self.identifier, self.probability)
        return [
            Variable(first, "cells" if number in self.payloads else "text" if number in texts else "not")
            for number, first in enumerate(self.firsts)
        ]


def read_uniform(data: bytes, lines: int) -> UniformBlock | None:
    """The rows of a block of `lines` lines, each ended by a newline, all CSV; None when the block is unfit."""
    found = read_payloads(data, lines, _captured)
    if found is None:
        return None
    output, input_, truth = found.payloads
    weights = None if found.probabilities is None else weights_of(found.probabilities)
    if weights is None and found.probabilities is not None:
        return None
    sides = [side for side in (output, input_) if side is not None]
    return UniformBlock(side_by_side(sides), found.ids, 0 if output is None else output.width, truth, weights)


def read_payloads(data: bytes, lines: int, decode: Decode) -> BlockParts | None:
    """The parts of every line of a block; None for an unfit block. decode: says of one line what its parts are."""
    try:
        head = data[: data.index(b"\n")].decode("utf-8")
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    template = _template(head, decode)
    found = None if template is None else cells_between(data, lines, template.literals, template.variables())
    if template is None or found is None:
        return None
    payloads = tuple(None if number is None else typed_text(found[number]) for number in template.payloads)
    ids = pl.Series(dtype=pl.String) if template.identifier is None else found[template.identifier].to_series()
    probabilities = None if template.probability is None else found[template.probability].to_series()
    return None if (ids == "").any() else BlockParts(payloads, ids, probabilities)


def _captured(line: bytes) -> LineParts:
    record = decode_unweighed(line)
    sides = record.captureData.output, record.captureData.input, record.groundTruthData
    return LineParts(sides, record.identifier, record.probability)


def _template(line: str, decode: Decode) -> _Template | None:
    """The line with holes for its variables; None for a line that is not CSV on all sides, or needs escapes."""
    tokens, firsts = line.split('"'), []
    strings = range(3, len(tokens) - 1, 2)
    holes = [i for i in strings if _is_variable(tokens, i)]
    probe = list(tokens)
    for number, i in enumerate(holes):
        end = _LINE_END.search(tokens[i])
        ending = end.group() if end else ""
        start = PROBABILITY_PREFIX if tokens[i].startswith(PROBABILITY_PREFIX) else ""
        firsts.append(tokens[i][len(start) : len(tokens[i]) - len(ending)])
        tokens[i], probe[i] = start + _HOLE + ending, f"{start}{number}{ending}"
    text, probed = '"'.join(tokens), '"'.join(probe)
    if _HOLE in line or "\\" in _LINE_END.sub("", text.replace('\\r\\n"', '"').replace('\\n"', '"')):
        return None
    try:
        found = decode(probed.encode("utf-8"))
    except RecordError:
        return None
    if any(side is not None and side.encoding.upper() != "CSV" for side in found.payloads):
        return None
    places = tuple(None if side is None else _hole_number(side.data) for side in found.payloads)
    identifier, probability = (
        None if part is None else _hole_number(part) for part in (found.identifier, found.probability)
    )
    if -1 in (*places, identifier, probability):
        return None
    return _Template(tuple(text.split(_HOLE)), tuple(firsts), places, identifier, probability)


def _is_variable(tokens: Sequence[str], i: int) -> bool:
    """Whether the string is the value of a key that varies, or an inclusion probability in a list."""
    if tokens[i - 2] in _VARIABLE_KEYS and tokens[i - 1].strip() == ":":
        return True
    return tokens[i].startswith(PROBABILITY_PREFIX) and tokens[i - 1].strip()[-1:] in ("[", ",")


def _hole_number(value: str) -> int:
    digits = value.rstrip("\r\n")
    return int(digits) if digits.isdecimal() else -1


def side_by_side(sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All sides' columns under positional names."""
    columns = [column for side in sides for column in side]
    return pl.DataFrame([c.alias(n) for c, n in zip(columns, positional_names(len(columns)), strict=True)])
