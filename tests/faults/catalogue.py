"""The faults: what each does to a window, and what Watchpost has to say about it in every format."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from watchpost.errors import SourceNotFound, UnknownFormat, UnreadableSource, WatchpostError

from .table import CHANNELS, NAMES, ROWS, Cell, Table


@dataclass(frozen=True)
class Named:
    """The run ends with a report: exactly these violations, as (feature, check type).

    touched: the columns whose report may differ from the run without the fault; all others must be as they were.
    rest: the part of the clean table that is still readable, when records got lost.
    """

    violations: frozenset[tuple[str, str]] = frozenset()
    touched: frozenset[str] = frozenset()
    rest: Callable[[Table], Table] = lambda table: table


@dataclass(frozen=True)
class Refused:
    """The window cannot be judged at all: an error that names the file and says the words."""

    error: type[WatchpostError]
    words: str


@dataclass(frozen=True)
class Miscounted:
    """Captured CSV of another width: without names nobody can say which column is which, only how many there are."""

    columns: int


@dataclass(frozen=True)
class Senseless:
    """The format cannot have this fault, for that reason."""

    reason: str


Outcome: TypeAlias = Named | Refused | Miscounted | Senseless


@dataclass(frozen=True)
class Fault:
    """table: done to the clean table before it is written. file: done to the file afterwards.

    outcome: in every format, but for those that `other` names.
    """

    name: str
    outcome: Outcome
    table: Callable[[Table], Table] = lambda table: table
    file: Callable[[Path], None] = lambda _: None
    other: Mapping[str, Outcome] = field(default_factory=dict)

    def outcome_in(self, format: str) -> Outcome:
        return self.other.get(format, self.outcome)


def named(*violations: str, rest: Callable[[Table], Table] = lambda table: table, touched: str = "") -> Named:
    """`"age range"` stands for the violation (age, range_check), which touches the column age."""
    pairs = frozenset((feature, f"{check}_check") for feature, _, check in (v.rpartition(" ") for v in violations))
    return Named(pairs, frozenset(feature for feature, _ in pairs) | frozenset(touched.split()), rest)


# --- what can be done to a table ------------------------------------------------------------------------------------


def each(column: str, change: Callable[[Cell], Cell], every: int = 1) -> Callable[[Table], Table]:
    """Change every n-th cell of one column."""

    def spoil(table: Table) -> Table:
        return tuple(
            (name, tuple(change(c) if i % every == 0 else c for i, c in enumerate(cells)) if name == column else cells)
            for name, cells in table
        )

    return spoil


def number(change: Callable[[float], Cell]) -> Callable[[Cell], Cell]:
    """The change of a cell that holds a number."""

    def changed(cell: Cell) -> Cell:
        assert isinstance(cell, int | float)
        return change(cell)

    return changed


def rename(old: str, new: str) -> Callable[[Table], Table]:
    return lambda table: tuple((new if name == old else name, cells) for name, cells in table)


def drop(column: str) -> Callable[[Table], Table]:
    return lambda table: tuple((name, cells) for name, cells in table if name != column)


def append(names: list[str], cells: Callable[[Table], tuple[Cell, ...]]) -> Callable[[Table], Table]:
    return lambda table: (*table, *((name, cells(table)) for name in names))


def rows(keep: Callable[[int], bool]) -> Callable[[Table], Table]:
    """Only the rows whose number, from 0, is to be kept."""
    return lambda table: tuple((n, tuple(c for i, c in enumerate(cells) if keep(i))) for n, cells in table)


few = rows(lambda i: i < 30)
all_but_last: Callable[[Table], Table] = lambda table: tuple((name, cells[:-1]) for name, cells in table)  # noqa: E731


# --- what can be done to a file -------------------------------------------------------------------------------------


def content(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(change(path.read_bytes())))


def void(_: object) -> None:
    """Nothing, whatever it is."""


def insert(record: bytes) -> Callable[[Path], None]:
    """One more line, after the tenth."""

    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join((*lines[:10], record + b"\n", *lines[10:]))

    return content(change)


def repeat_ids(data: bytes) -> bytes:
    """Every tenth record carries the id of the first."""
    lines = data.splitlines(keepends=True)
    first = json.loads(lines[0])["eventMetadata"]["eventId"].encode()
    spoiled = [re.sub(rb'(?<="eventId":")[^"]+', first, line) if i % 10 == 0 else line for i, line in enumerate(lines)]
    return b"".join(spoiled)


def semicolons(data: bytes) -> bytes:
    """Semicolons for the commas of a CSV file, and of the payloads of captured CSV."""
    if data.startswith(b"{"):
        return re.sub(rb'(?<="data":")[^"]+', lambda payload: payload.group().replace(b",", b";"), data)
    return data.replace(b",", b";")


# --- the faults -----------------------------------------------------------------------------------------------------

EVERYTHING = " ".join(NAMES)
NO_NAMES = Senseless("captured CSV carries no column names; the baseline gives them by position")
NOT_TEXT = Senseless("a Parquet file is binary: it has neither lines nor an encoding of its own to get wrong")
NO_DELIMITER = Senseless("nothing is delimited in this format")
NO_IDS = Senseless("only captured records have inference ids")
CAPTURES = ("csv-capture", "json-capture")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
NOTHING_READ = named("Rows empty_window", touched=EVERYTHING)
ALL_UNREADABLE = named("Records unreadable_records", "Rows empty_window", touched=EVERYTHING)
A_RECORD_LOST = named("Records unreadable_records")

FAULTS = (
    Fault(
        "renamed-column",
        named("age missing_column", "years extra_column", "age renamed_column"),
        table=rename("age", "years"),
        other={"csv-capture": NO_NAMES},
    ),
    Fault(
        "missing-column",
        named("Missing columns missing_column", "temperature missing_column"),
        table=drop("temperature"),
        other={"csv-capture": Miscounted(len(NAMES) - 1)},
    ),
    Fault(
        "extra-column",
        named("Extra columns extra_column", "shoe_size extra_column"),
        table=append(["shoe_size"], lambda table: tuple(range(len(table[0][1])))),
        other={"csv-capture": Miscounted(len(NAMES) + 1)},
    ),
    Fault(
        "duplicate-column-name",
        named("Extra columns extra_column", "age#2 extra_column"),
        table=append(["age"], lambda table: table[1][1]),
        other={
            "jsonl": ALL_UNREADABLE,
            "parquet": Refused(UnreadableSource, "Give every column a name of its own"),
            "csv-capture": NO_NAMES,
            "json-capture": ALL_UNREADABLE,
        },
    ),
    Fault(
        "ten-thousand-columns",
        named("Extra columns extra_column", *(f"x{i} extra_column" for i in range(10_000)), rest=few),
        # Few rows: what is wide here is the header, and twenty million cells of JSON would take a minute.
        table=lambda table: append([f"x{i}" for i in range(10_000)], lambda t: (None,) * len(t[0][1]))(few(table)),
        other={"csv-capture": Miscounted(len(NAMES) + 10_000)},
    ),
    Fault(
        "all-null",
        named("temperature all_null", "temperature completeness"),
        table=each("temperature", lambda _: None),
    ),
    Fault(
        "constant",
        named("rooms constant_column", "rooms baseline_drift"),
        table=each("rooms", lambda _: 3),
    ),
    Fault(
        "constant-text",
        named("channel constant_column", "channel baseline_drift"),
        table=each("channel", lambda _: "web"),
    ),
    Fault("more-nulls", named("customer completeness"), table=each("customer", lambda _: None, every=50)),
    Fault("out-of-range", named("age range"), table=each("age", lambda _: 900, every=ROWS)),
    Fault(
        "unit-change",
        named("price unit_change", "price range", "price baseline_drift"),
        table=each("price", number(lambda price: round(price * 100, 2))),
    ),
    Fault(
        "celsius-to-fahrenheit",
        named("temperature unit_change", "temperature range", "temperature baseline_drift"),
        table=each("temperature", number(lambda t: round(t * 1.8 + 32, 3))),
    ),
    Fault(
        "years-to-months",
        named("age unit_change", "age range", "age baseline_drift"),
        table=each("age", number(lambda age: age * 12)),
    ),
    Fault("type-change", named("age data_type"), table=each("age", number(lambda age: f"{age} years"))),
    Fault("whole-to-fraction", named("age data_type"), table=each("age", number(lambda age: max(18.0, age - 0.5)))),
    Fault("mixed-types", named("age data_type"), table=each("age", lambda _: "unknown", every=20)),
    Fault(
        "nan-and-infinity",
        named("score data_type"),
        table=lambda table: each("score", lambda _: math.nan, every=200)(
            each("score", lambda _: -math.inf, every=100)(table)
        ),
        other={
            "jsonl": named("Records unreadable_records", rest=rows(lambda i: i % 100 != 0)),
            "parquet": named("score non_finite"),
            "json-capture": named("Records unreadable_records", rest=rows(lambda i: i % 100 != 0)),
        },
    ),
    Fault("flags-as-numbers", named("member categorical_values"), table=each("member", lambda flag: int(flag is True))),
    Fault(
        "codes-for-words", named("channel categorical_values"), table=each("channel", lambda c: CHANNELS.index(str(c)))
    ),
    Fault("new-category", named("channel categorical_values"), table=each("channel", lambda _: "kiosk", every=40)),
    Fault("shift", named("score baseline_drift"), table=each("score", number(lambda s: round(s**0.5, 6)))),
    Fault(
        "shift-of-shares",
        named("channel baseline_drift"),
        table=each("channel", lambda channel: "phone" if channel == "web" else channel),
    ),
    Fault(
        "flipped-flags",
        named("member baseline_drift"),
        table=each("member", lambda member: not member),
    ),
    Fault(
        "duplicate-ids",
        NO_IDS,
        file=content(repeat_ids),
        other=dict.fromkeys(CAPTURES, named("Inference ids duplicate_id")),
    ),
    Fault("no-rows", NOTHING_READ, table=rows(lambda _: False)),
    Fault(
        "empty-file",
        NOTHING_READ,
        file=content(lambda _: b""),
        other={"parquet": Refused(UnreadableSource, "sales.parquet")},
    ),
    Fault("empty-folder", Refused(SourceNotFound, "no data file"), file=Path.unlink),
    Fault(
        "unreadable-record",
        A_RECORD_LOST,
        file=insert(b'{"this is": "no record", 3, "of any", format, at all'),
        other={"parquet": NOT_TEXT},
    ),
    Fault(
        "truncated-file",
        named("Records unreadable_records", rest=all_but_last),
        file=content(lambda data: data[:-20]),
        other={"parquet": Refused(UnreadableSource, "sales.parquet")},
    ),
    Fault("byte-order-mark", named(), file=content(lambda data: b"\xef\xbb\xbf" + data), other={"parquet": NOT_TEXT}),
    Fault(
        "latin-1",
        A_RECORD_LOST,
        file=insert("0.5,9.99,40,12.5,3,café,c-000001,true".encode("latin-1")),
        other={"parquet": NOT_TEXT},
    ),
    Fault(
        "utf-16",
        Refused(UnreadableSource, "Save it as UTF-8"),
        file=content(lambda data: data.decode().encode("utf-16")),
        other={"parquet": NOT_TEXT},
    ),
    Fault("not-a-table", Refused(UnknownFormat, "zero bytes"), file=content(lambda _: PICTURE)),
    Fault(
        "wrong-delimiter",
        NO_DELIMITER,
        file=content(semicolons),
        other={"csv": Refused(UnreadableSource, "--delimiter ';'"), "csv-capture": Miscounted(2)},
    ),
)
