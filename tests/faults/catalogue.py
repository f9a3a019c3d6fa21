"""The faults: what each does to a window, and what Watchpost has to say about it in every format."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from watchpost.errors import WatchpostError

from .table import NAMES, Cell, Table


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
class Senseless:
    """The format cannot have this fault, for that reason."""

    reason: str


Outcome: TypeAlias = Named | Refused | Senseless


@dataclass(frozen=True)
class Fault:
    """table: done to the clean table before it is written. file: done to the file afterwards.

    outcome: in every format, but for those that `other` names.
    """

    name: str
    outcome: Outcome
    table: Callable[[Table], Table] = lambda table: table
    file: Callable[[Path], None] = lambda path: None
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
UNNAMED = frozenset(f"_c{i}" for i in range(len(NAMES) + 1))
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
    ),
)
