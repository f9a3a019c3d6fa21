"""Capture lines at the speed of the disk, when one writer wrote them all alike.

Lines of one writer differ only in their payloads and ids: each is the same literal text around the same variable
strings. A block of such lines is split at its braces, which costs a tenth of decoding JSON; each piece is compared
with the first line's, byte for byte, and what is left between the literals are the variables. JSON leaves no room for
doubt once a variable holds no quote, no backslash and no control character. Whatever does not fit (another writer, an
escape, a brace in a payload, a bad line) makes the whole block unfit, and the caller decodes it line by line: the
outcome is the same, only later.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from watchpost.data.cells import FRACTIONAL, typed_text
from watchpost.data.envelopes import CapturedSide, decode_capture
from watchpost.data.lines import count_controls
from watchpost.data.names import positional_names
from watchpost.data.records import RecordError

_VARIABLE_KEYS = frozenset(("data", "eventId", "inferenceId", "inferenceTime"))
_HOLE = "\0"
_LINE_END = re.compile(r"(?:\\r)?\\n$")
_MOST_COLUMNS = 500  # one pattern holds all columns of a row, and polars refuses to compile one of some thousands
_SAMPLE = 16  # rows that decide the columns' types before the whole block is tried
# Cells of these patterns, or empty ones, are read as numbers at once: any 18 digits fit into Int64, and polars reads no
# fraction with a blank after its sign, which the contract allows.
_WHOLE_PATTERN = "(?:[-+]?[0-9]{1,18})?"
_FRACTION_PATTERN = f"(?:{FRACTIONAL.replace(' ?', '')})?"
_TEXT_PATTERN = "[^,]*"
_DTYPE_OF = {_WHOLE_PATTERN: pl.Int64(), _FRACTION_PATTERN: pl.Float64(), _TEXT_PATTERN: pl.String()}
_POLARS_REFUSES = (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.ShapeError)


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
    """A line's text with a hole for each variable. payloads, identifier: the number of their hole."""

    text: str
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
    # Each line's newline is the only control character: JSON allows none inside a string, and none is needed outside.
    if template is None or count_controls(data) != lines:
        return None
    variables = _take_apart(data, lines, template.text)
    if variables is None:
        return None
    read = [None if hole is None else _read_rows(variables[hole]) for hole in template.payloads]
    if any(side is None and hole is not None for side, hole in zip(read, template.payloads, strict=True)):
        return None
    ids = pl.Series(dtype=pl.String) if template.identifier is None else variables[template.identifier]
    return None if (ids.str.len_bytes() == 0).any() else (tuple(read), ids)


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
    return None if -1 in (*places, identifier) else _Template(text, places, identifier)


def _hole_number(value: str) -> int:
    digits = value.rstrip("\r\n")
    return int(digits) if digits.isdecimal() else -1


def _take_apart(data: bytes, lines: int, template: str) -> list[pl.Series] | None:
    """The variables of every line in the order of their holes, or None if any line is not the template's."""
    pieces = template.split("{")
    try:
        fields = pl.read_csv(data, has_header=False, separator="{", quote_char=None, infer_schema=False)
    except _POLARS_REFUSES:
        return None
    if fields.shape != (lines, len(pieces)) or not _constants_hold(fields, pieces):
        return None
    variables: list[pl.Series] = []
    for piece, field in zip(pieces, fields, strict=True):
        if _HOLE in piece:
            between = _between(field, piece.split(_HOLE))
            if between is None:
                return None
            variables.extend(between)
    # Escapes were only let pass inside the template, so a variable must hold none; nor a quote, which would end it.
    marks = ('"', "\\") if b"\\" in data else ('"',)
    found = [pl.lit(v).str.contains(mark, literal=True).any() for v in variables for mark in marks]
    return None if any(pl.select(check.alias(str(i)) for i, check in enumerate(found)).row(0)) else variables


def _constants_hold(fields: pl.DataFrame, pieces: list[str]) -> bool:
    """Whether the fields without a variable are the template's in every line; polars reads an empty field as null."""
    checks = []
    for name, piece in zip(fields.columns, pieces, strict=True):
        if not piece:
            checks.append(pl.col(name).is_null().all())
        else:
            checks.append(pl.col(name).null_count() == 0)
            if _HOLE not in piece:
                checks.append((pl.col(name) == piece).all())
    return all(fields.select(check.alias(str(i)) for i, check in enumerate(checks)).row(0))


def _between(field: pl.Series, literals: list[str]) -> list[pl.Series] | None:
    """What lies between the literals, which must start, part and end every cell; the cells hold no null."""
    rest = _stripped(field, literals[0], literals[-1])
    variables = []
    for literal in literals[1:-1]:
        if rest is None:
            return None
        # A literal starts with the quote that ends the variable before it. Offsets are in bytes, hence binary slices.
        parted = pl.DataFrame({"rest": rest}).select(
            pl.col("rest").cast(pl.Binary), quote=pl.col("rest").str.find('"', literal=True)
        )
        if parted["quote"].null_count():
            return None
        parted = parted.select(
            variable=pl.col("rest").bin.slice(0, pl.col("quote")).cast(pl.String),
            rest=pl.col("rest").bin.slice(pl.col("quote")).cast(pl.String),
        )
        variables.append(parted["variable"])
        rest = _stripped(parted["rest"], literal, "")
    return None if rest is None else [*variables, rest]


def _stripped(cells: pl.Series, prefix: str, suffix: str) -> pl.Series | None:
    """The cells without prefix and suffix; None if any lacks one, for then fewer bytes went than from all cells."""
    stripped = pl.select(cells=cells, rest=pl.lit(cells).str.strip_prefix(prefix).str.strip_suffix(suffix))
    before, after = stripped.select(pl.all().str.len_bytes().cast(pl.Int64).sum()).row(0)
    gone = len(prefix.encode()) + len(suffix.encode())
    return stripped["rest"] if before - after == gone * len(cells) else None


def _read_rows(rows: pl.Series) -> pl.DataFrame | None:
    """CSV payloads as typed columns; None when one is empty or they differ in width."""
    return None if (rows.str.len_bytes() == 0).any() else _read_side(rows)


def side_by_side(sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All sides' columns under positional names."""
    columns = [column for side in sides for column in side]
    return pl.DataFrame([c.alias(n) for c, n in zip(columns, positional_names(len(columns)), strict=True)])


def _read_side(rows: pl.Series) -> pl.DataFrame | None:
    sample = rows.head(_SAMPLE).str.split(",").to_list()
    width = len(sample[0])
    commas_agree = (pl.lit(rows).str.count_matches(",", literal=True) == width - 1).all()
    if width == 1:
        return typed_text(rows.to_frame()) if pl.select(commas_agree).item() else None
    table: bytes = rows.str.join("\n").cast(pl.Binary).item()
    patterns = [_pattern(column) for column in zip(*sample, strict=False)]
    if len(patterns) == width <= _MOST_COLUMNS and rows.str.contains(f"^{','.join(patterns)}$").all():
        frame = _read_table(table, [_DTYPE_OF[p] for p in patterns], len(rows))
        if frame is not None and all(c.is_finite().all() for c in frame if c.dtype == pl.Float64):
            return typed_text(frame)
    if not pl.select(commas_agree).item():
        return None
    frame = _read_table(table, [pl.String()] * width, len(rows))
    return None if frame is None else typed_text(frame)


def _read_table(table: bytes, dtypes: list[pl.DataType], rows: int) -> pl.DataFrame | None:
    schema = dict(zip(positional_names(len(dtypes)), dtypes, strict=True))
    try:
        frame = pl.read_csv(table, has_header=False, quote_char=None, schema=schema)
    except _POLARS_REFUSES:
        return None
    return frame if frame.height == rows else None


def _pattern(cells: tuple[str, ...]) -> str:
    """The narrowest pattern that fits all cells of a sample, empty ones aside."""
    present = [cell for cell in cells if cell]
    for pattern in (_WHOLE_PATTERN, _FRACTION_PATTERN):
        if present and all(re.fullmatch(pattern, cell) for cell in present):
            return pattern
    return _TEXT_PATTERN
