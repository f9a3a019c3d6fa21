"""The clean table that every fault is put into: 2,000 sales, eight columns of all kinds, as plain Python values."""

from typing import TypeAlias

import numpy as np

Cell: TypeAlias = str | int | float | bool | None
Table: TypeAlias = tuple[tuple[str, tuple[Cell, ...]], ...]
"""Columns in order, as (name, cells). A name may stand twice: files can hold that, so the table must."""

ROWS = 2000
CHANNELS = ("web", "app", "shop", "phone")


def draw(seed: int, rows: int = ROWS) -> Table:
    """A sample of one population. The first column is the model's output, all others its input."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[Cell]] = {
        "score": rng.beta(2, 3, rows).round(6).tolist(),
        "price": np.exp(rng.normal(5.5, 0.6, rows)).round(2).tolist(),
        "age": rng.integers(18, 90, rows).tolist(),
        "temperature": rng.normal(12, 8, rows).round(3).tolist(),
        "rooms": rng.choice(6, rows, p=(0.1, 0.25, 0.3, 0.2, 0.1, 0.05)).tolist(),
        "channel": rng.choice(CHANNELS, rows, p=(0.5, 0.3, 0.15, 0.05)).tolist(),
        "customer": [f"c-{number:06x}" for number in rng.integers(0, 16**6, rows)],
        "member": (rng.random(rows) < 0.35).tolist(),
    }
    return tuple((name, tuple(cells)) for name, cells in columns.items())


NAMES = tuple(name for name, _ in draw(0, 1))


def text(cell: Cell) -> str:
    """A cell as CSV writes it."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)


def rows_of(table: Table) -> list[tuple[Cell, ...]]:
    return list(zip(*(cells for _, cells in table), strict=True))
