"""The natural order of `sort`, `sortsFirst` and `sortsLast`.

Missing values come first, then texts that are no numbers, then numbers by value. Texts compare chunk by chunk: runs of
digits by their length and then their digits, what lies between by code point.
"""

import re

import polars as pl

from watchpost.logs.insights.columns import NUMBER, Column

_CHUNK = re.compile(r"\d+|\D+", re.ASCII)

Key = tuple[int, float, tuple[tuple[int, int, str], ...], str]


def natural_key(text: str | None) -> Key:
    """What texts are ordered by.

    >>> sorted(["10", "9", "a10", "a9", None, "b"], key=natural_key)
    [None, 'a9', 'a10', 'b', '9', '10']
    """
    if text is None:
        return (0, 0.0, (), "")
    if re.match(NUMBER, text):
        return (2, float(text), (), "")
    chunks = _CHUNK.findall(text)
    return (1, 0.0, tuple((0, len(c), c) if c[0] in "0123456789" else (1, 0, c) for c in chunks), text)


def ranks(texts: pl.Series) -> pl.Series:
    """Ranks (Int64) of texts in natural order: equal for texts that count as equal."""
    different = sorted(texts.unique().to_list(), key=natural_key)
    rank: dict[str | None, int] = {}
    previous: Key | None = None
    place = -1
    for each in different:
        key = natural_key(each)
        place += key != previous
        rank[each], previous = place, key
    return pl.Series([rank[each] for each in texts], dtype=pl.Int64)


def sort_key(column: Column) -> pl.Series:
    """What a column is sorted by: its numbers as they are, texts by their ranks; missing values first."""
    if column.form in {"number", "instant", "truth"}:
        return column.series.cast(pl.Float64).fill_null(float("-inf"))
    return ranks(column.text)
