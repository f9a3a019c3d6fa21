"""Rows of text to typed columns in one pass: what stands between literals that are the same on every row.

A cell is proved to be of its kind while it is read. Anything else ends the reading, and the caller takes a slower way.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.kernels import address, function

Kind = Literal["skipped", "whole", "fraction", "cell", "text"]
"""What a field is read as. whole: `[-+]?[0-9]{1,18}`; fraction: `[-+]?[0-9]+\\.[0-9]+` and perhaps an exponent; cell:
text, null if empty; text: text, empty or not. The first two may be empty too, which is null."""

_KINDS: dict[Kind, int] = {"skipped": 0, "whole": 1, "fraction": 2, "cell": 3, "text": 4}
_LEAST_POWER, _LARGEST_POWER = -342, 308  # of ten, that a double can have


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row. before: the literal in front of it. stops: the bytes of which the first one ends it."""

    before: bytes
    kind: Kind
    stops: bytes


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where a block is not what was asked for. field: one with a cell of another kind; None: a literal differs."""

    field: int | None


class _ArrowSchema(ctypes.Structure):
    pass


class _ArrowArray(ctypes.Structure):
    pass


_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
# Source: the Arrow C data interface, https://arrow.apache.org/docs/format/CDataInterface.html.
_ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_ArrowArray._fields_ = [
    *[(name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")],
    ("buffers", ctypes.c_void_p),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]


class _Piece(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_int64))


class _Field(ctypes.Structure):
    _fields_ = (
        ("before", ctypes.c_char_p),
        ("before_length", ctypes.c_int64),
        ("kind", ctypes.c_int64),
        ("stops", ctypes.c_char_p),
    )


class _Table:
    """Columns on their way to polars, which takes them over (Arrow PyCapsule interface)."""

    def __init__(self) -> None:
        self.schema, self.array = _ArrowSchema(), _ArrowArray()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        del requested_schema  # they are what they are
        return _capsule(self.schema, b"arrow_schema"), _capsule(self.array, b"arrow_array")


def _capsule(struct: ctypes.Structure, name: bytes) -> object:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    made: object = new(ctypes.addressof(struct), name, None)
    return made


def read_rows(
    pieces: Sequence[memoryview], rows: int, fields: Sequence[Field], ending: bytes
) -> pl.DataFrame | Misfit | None:
    """The fields of `rows` rows that make up all pieces together, and behind each of which stands `ending`.

    Args: pieces: whole rows in each, of UTF-8, unchecked; none is empty, its last byte is a stop of every field.
    Returns: a column for each field that is not skipped, in order, named by its number; where the block is something
    else, a `Misfit`; None without the compiled kernels.
    """
    read = function("wp_read_rows")
    if read is None:
        return None
    tables = {field.stops: _stops(field.stops) for field in fields}
    asked = (_Field * len(fields))(
        *[_Field(field.before, len(field.before), _KINDS[field.kind], tables[field.stops]) for field in fields]
    )
    table = _Table()
    bytes_of = [np.frombuffer(piece, np.uint8) for piece in pieces]
    texts = (_Piece * len(bytes_of))(*[_Piece(piece.ctypes.data, len(piece)) for piece in bytes_of])
    outcome = read(
        texts, ctypes.c_int64(len(texts)), ctypes.c_int64(rows), asked, ctypes.c_int64(len(fields)),
        ctypes.c_char_p(ending), ctypes.c_int64(len(ending)), address(_powers()),
        ctypes.byref(table.schema), ctypes.byref(table.array),
    )  # fmt: skip
    if outcome == -2:
        raise MemoryError(f"no memory for {len(fields)} columns of {rows} rows")
    if outcome != len(fields):
        return Misfit(None if outcome < 0 else outcome)
    if all(field.kind == "skipped" for field in fields):
        return pl.DataFrame(height=rows)
    return pl.DataFrame(table)


@cache
def _stops(ends: bytes) -> bytes:
    """A table of 256 bytes: 1 where the byte ends a field."""
    return bytes(byte in ends for byte in range(256))


@cache
def _powers() -> NDArray[np.uint64]:
    """The 128 leading bits of 5^q for each q, shape (651, 2), the high word first.

    Rounded down where q is at least 0 or 5^-q too large for it to matter, up otherwise. Source: Lemire 2021 (Number
    Parsing at a Gigabyte per Second), section 7 and its listing of the tables.
    """
    words = np.empty((_LARGEST_POWER - _LEAST_POWER + 1, 2), dtype=np.uint64)
    for row, q in zip(words, range(_LEAST_POWER, _LARGEST_POWER + 1), strict=True):
        if q < 0:
            divisor = 5**-q
            size = divisor.bit_length()
            bits = 2 * size + 128 if q < -27 else size + 127
            leading = 2**bits // divisor + 1
            leading >>= leading.bit_length() - 128
        else:
            power = 5**q
            size = power.bit_length()
            leading = power << (128 - size) if size <= 128 else power >> (size - 128)
        row[0], row[1] = leading >> 64, leading & (2**64 - 1)
    return words
