"""Pair tables against a brute-force count, and their merge."""

from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.data.frames import Frame
from watchpost.profiles import profile
from watchpost.profiles.pairs import MOST_FEATURES, CellRule, PairTables

BASELINE = pl.DataFrame(
    {
        "x": [float(i) for i in range(200)],
        "k": [i % 3 for i in range(200)],
        "town": [("Rome", "Oslo", "Bern")[i % 3] for i in range(200)],
    }
)
LEARNED = profile(Frame(BASELINE)).statistics()

rows = st.lists(
    st.tuples(
        st.none() | st.floats(-50, 250), st.none() | st.integers(-1, 4), st.sampled_from([None, "Rome", "Oslo", "Lima"])
    ),
    max_size=40,
)


def frame(content: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(content, schema={"x": pl.Float64, "k": pl.Int64, "town": pl.String}, orient="row")


def cell(rule: CellRule, value: object) -> int:
    """One value's cell by the rule's own words."""
    if value is None:
        return 0
    if rule.edges is not None:
        return 1 + sum(value > edge for edge in rule.edges)
    return rule.categories.index(value) + 1 if value in rule.categories else 8


def counted(content: list[tuple[object, ...]]) -> PairTables:
    tables = PairTables.of(LEARNED)
    tables.update(frame(content))
    return tables


def plain(tables: PairTables) -> dict[tuple[str, str], list[list[int]]]:
    return {pair: table.tolist() for pair, table in tables.tables().items()}


@given(rows)
def test_tables_equal_a_count_row_by_row(content):
    tables = counted(content)
    for (i, a), (j, b) in combinations(enumerate(tables.rules), 2):
        expected = Counter((cell(a, row[i]), cell(b, row[j])) for row in content)
        table = tables.tables()[a.name, b.name]
        assert {(r, c): int(table[r, c]) for r, c in zip(*np.nonzero(table), strict=True)} == expected


@given(rows, rows)
def test_pieces_merge_to_the_whole_either_way_round(a, b):
    whole = plain(counted(a + b))
    assert plain(counted(a).merge(counted(b))) == whole
    assert plain(counted(b).merge(counted(a))) == whole


def test_a_profile_carries_them_when_asked():
    pairs = profile(Frame(BASELINE), baseline=LEARNED, pairs=True).pairs
    assert {table.sum() for table in pairs.tables().values()} == {200}
    assert profile(Frame(BASELINE), baseline=LEARNED).pairs is None


def test_numbers_that_came_as_text_lie_in_the_same_cells():
    as_text = BASELINE.with_columns(pl.col("x").cast(pl.String))
    tables = PairTables.of(LEARNED)
    tables.update(as_text)
    assert plain(tables) == plain(counted(BASELINE.rows()))


def test_a_broken_correlation_shows_in_the_table_and_in_no_column():
    together = pl.DataFrame({"x": np.arange(1000.0), "y": np.arange(1000.0)})
    apart = together.with_columns(pl.col("y").shuffle(seed=1))
    learned = profile(Frame(together)).statistics()
    before, after = (profile(Frame(t), baseline=learned, pairs=True) for t in (together, apart))
    assert before.statistics().features[1].numeric.cells.counts.tolist() == (
        after.statistics().features[1].numeric.cells.counts.tolist()
    )
    assert before.pairs.tables()["x", "y"].trace() == 1000
    assert after.pairs.tables()["x", "y"].trace() < 250


def test_tables_with_different_cells_do_not_merge():
    other = profile(Frame(BASELINE.with_columns(pl.col("x") * 2))).statistics()
    with pytest.raises(ValueError, match="different cells"):
        PairTables.of(LEARNED).merge(PairTables.of(other))


def test_only_the_first_thirty_features_are_paired():
    wide = profile(Frame(pl.DataFrame({f"c{i}": [1.0, 2.0] for i in range(40)}))).statistics()
    assert len(PairTables.of(wide).rules) == MOST_FEATURES
