"""Rows of a query under way: computed columns over log events, whose own fields are found when they are asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl

from watchpost.logs.blocks import Events
from watchpost.logs.insights import fields
from watchpost.logs.insights.columns import Column, constant
from watchpost.logs.insights.fields import SYSTEM

_NESTED = ("json", "item")
"""Forms with members that can be named."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events of one log group; `log` is what `@log` says: `account:group`."""

    log: str
    events: Events


@dataclass(slots=True)
class Table:
    """Columns of equally many rows.

    `base` holds what is known of the events themselves (`t` and `i` epoch milliseconds, `m`, `s`, `l`, and the key `o`,
    `p`), None once rows are no events any more. `shown` are the columns of the result, in their order. `names` are the
    fields the query reads: what is discovered is discovered for all of them at once.
    """

    height: int
    columns: dict[str, Column]
    base: pl.DataFrame | None
    names: frozenset[str]
    shown: tuple[str, ...] = ()
    only: bool = False
    discovered: dict[str, Column] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """A column: computed, of the event itself, inside a parsed JSON, discovered in the message, or missing."""
        if name in self.columns:
            return self.columns[name]
        if self.base is not None:
            system = _system(self.base, name)
            if system is not None:
                return system
        inside = self._inside(name)
        if inside is not None:
            return inside
        if self.base is None or name not in self.names:
            return constant(None, self.height)
        if name not in self.discovered:
            wanted = sorted(self.names.difference(SYSTEM, self.columns, self.discovered))
            found = fields.discovered(self.base["m"].to_list(), wanted)
            self.discovered |= {each: Column("text", pl.Series(found[each], dtype=pl.String)) for each in wanted}
        return self.discovered[name]

    def with_column(self, name: str, column: Column) -> None:
        """Set a column."""
        self.columns[name] = column

    def show(self, names: Sequence[str]) -> None:
        """Add columns to the result."""
        self.shown += tuple(name for name in names if name not in self.shown)

    def take(self, mask: pl.Series) -> "Table":
        """The rows where the mask is true."""
        if bool(mask.all()):
            return self
        return replace(
            self,
            height=int(mask.sum()),
            columns={name: column.take(mask) for name, column in self.columns.items()},
            discovered={name: column.take(mask) for name, column in self.discovered.items()},
            base=None if self.base is None else self.base.filter(mask),
        )

    def gather(self, order: pl.Series) -> "Table":
        """The rows at these places."""
        return replace(
            self,
            height=len(order),
            columns={name: Column(each.form, each.series.gather(order)) for name, each in self.columns.items()},
            discovered={name: Column(each.form, each.series.gather(order)) for name, each in self.discovered.items()},
            base=None if self.base is None else self.base[order],
        )

    def keep(self, names: set[str]) -> "Table":
        """The same rows with what these names need, computed now, and the message only if it is among them."""
        kept = {name: self.column(name) for name in names if name not in SYSTEM and name not in self.columns}
        kept |= {name: each for name, each in self.columns.items() if name in names or each.form in _NESTED}
        base = self.base
        if base is not None and "@message" not in names:
            base = base.drop("m")
        return replace(self, columns=kept, base=base, discovered={})

    def unnest(self, name: str, into: str) -> "Table":
        """A row for each element of the list of that name; a row without one stays as it is, one with none goes."""
        items = [fields.items_of(text, rest) for text, rest in self._lists(name)]
        order = pl.Series([row for row, each in enumerate(items) for _ in each], dtype=pl.UInt32)
        table = self.gather(order)
        column = pl.Series([item for each in items for item in each], dtype=pl.String)
        table.with_column(into, Column("item", column))
        table.show([into])
        return table

    def _lists(self, name: str) -> Iterator[tuple[str | None, str]]:
        """For each row the JSON that a name leads into, and the rest of the name inside it."""
        for end in (len(name), *(place for place, sign in enumerate(name) if sign == ".")):
            column = self.columns.get(name[:end])
            if column is not None and column.form in _NESTED:
                return ((text, name[end + 1 :]) for text in column.series)
        texts = self.column(name).text
        return ((None if each is None else msgspec.json.encode(each).decode(), "") for each in texts)

    def _inside(self, name: str) -> Column | None:
        for end in (place for place, sign in enumerate(name) if sign == "."):
            column = self.columns.get(name[:end])
            if column is not None and column.form in _NESTED:
                texts = [None if each is None else _member(each, name[end + 1 :]) for each in column.series]
                return Column("text", pl.Series(texts, dtype=pl.String))
        return None


def table_of(chunk: Chunk, names: frozenset[str]) -> Table:
    """The rows of some events."""
    events = chunk.events
    base = pl.DataFrame(
        {
            "t": events.timestamps,
            "i": events.ingested,
            "o": events.origins,
            "p": events.places,
            "s": pl.Series(list(events.streams), dtype=pl.String),
            "l": pl.repeat(chunk.log, len(events), dtype=pl.String, eager=True),
            "m": pl.Series(list(events.messages), dtype=pl.String),
        }
    )
    return Table(len(events), {}, base, names)


def together(tables: Sequence[Table]) -> Table:
    """The rows of tables that went through the same commands, table after table."""
    first = tables[0]
    if len(tables) == 1:
        return first
    columns = {
        name: Column(column.form, pl.concat([each.columns[name].series for each in tables]))
        for name, column in first.columns.items()
    }
    bases = [each.base for each in tables if each.base is not None]
    return replace(
        first,
        height=sum(each.height for each in tables),
        columns=columns,
        base=pl.concat(bases) if bases else None,
        discovered={},
    )


def _system(base: pl.DataFrame, name: str) -> Column | None:
    match name:
        case "@timestamp":
            return Column("instant", base["t"].cast(pl.Float64))
        case "@ingestionTime":
            return Column("instant", base["i"].cast(pl.Float64))
        case "@message" if "m" in base.columns:
            return Column("text", base["m"])
        case "@logStream":
            return Column("text", base["s"])
        case "@log":
            return Column("text", base["l"])
        case _:
            return None


def _member(text: str, name: str) -> str | None:
    found = fields.look_up(msgspec.json.decode(text), name)
    if isinstance(found, float):
        return repr(found)
    return fields.scalar_text(found)
