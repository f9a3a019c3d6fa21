"""Whether 20 columns drifted between two tables of 1 M rows: from their profiles, and from their rows."""

from collections.abc import Callable

from benchmarks import tables
from benchmarks.measure import Contender, Table, race

REACH = "Watchpost at most 0.010 s"
TEST = "kolmogorov_smirnov"
CATEGORICAL_TEST = "chi_squared"


def paths(rows: str) -> tuple[str, str]:
    """The table, and the same with everything a little shifted."""
    return str(tables.parquet(int(rows))), str(tables.parquet(int(rows), shift=1))


def scipy(rows: str) -> Callable[[], object]:
    """ks_2samp and chi2_contingency on rows that lie in memory; text is counted by polars, which is generous."""
    import numpy as np
    import polars as pl
    from scipy.stats import chi2_contingency, ks_2samp

    before, now = (pl.read_parquet(path) for path in paths(rows))
    numbers = [
        (before[c].drop_nulls().to_numpy(), now[c].drop_nulls().to_numpy()) for c in (*tables.FLOATS, *tables.INTEGERS)
    ]

    def compare() -> list[float]:
        answers = [ks_2samp(a, b, method="asymp").pvalue for a, b in numbers]
        for name in ("b0", *tables.CATEGORIES, "u0"):
            a, b = before[name].value_counts(), now[name].value_counts()
            both = a.join(b, on=name, how="full").select("count", "count_right").fill_null(0).to_numpy()
            answers.append(chi2_contingency(np.ascontiguousarray(both.T)).pvalue)
        return answers

    return compare


def ours(rows: str) -> Callable[[], object]:
    """The verdicts, from statistics at hand."""
    from watchpost import open_dataset
    from watchpost.drift import judge
    from watchpost.profiles import profile

    first, second = paths(rows)
    before = profile(open_dataset(first)).statistics()
    now = profile(open_dataset(second), baseline=before).statistics()
    pairs = list(zip(before.features, now.features, strict=True))
    return lambda: [judge(a, b, test=TEST if a.numeric else CATEGORICAL_TEST) for a, b in pairs]


def default(rows: str) -> Callable[[], object]:
    """The same with the test that a check uses unless told otherwise."""
    from watchpost import open_dataset
    from watchpost.drift import judge
    from watchpost.profiles import profile

    first, second = paths(rows)
    before = profile(open_dataset(first)).statistics()
    seen = profile(open_dataset(second), baseline=before)
    return lambda: [
        judge(a, b, test="robust") for a, b in zip(before.features, seen.statistics().features, strict=True)
    ]


CONTENDERS: dict[str, Contender] = {
    "scipy from rows": scipy,
    "Watchpost, the same tests": ours,
    "Watchpost, a check's default, profile to verdicts": default,
}


def plan(scale: float) -> list[Table]:
    """1 M rows on each side."""
    rows = int(1_000_000 * scale)
    paths(str(rows))
    title = f"Drift of {len(tables.COLUMNS)} columns between two tables of {rows:,} rows"
    return [race(title, "compare_profiles", list(CONTENDERS), str(rows), rounds=5, reach=REACH)]
