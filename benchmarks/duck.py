"""The nearest that one DuckDB statement comes to a profile of the mixed table."""

from collections.abc import Callable

from benchmarks import tables


def profiling(source: str) -> Callable[[], object]:
    """Counts, extremes, moments, distinct counts, nine quantiles of numbers and top values of text, over all columns.

    Args: source: a table function of DuckDB with its argument, e.g. read_parquet('file').
    """
    import duckdb

    connection = duckdb.connect()
    parts = []
    for name in tables.COLUMNS:
        parts += [f"count({name})", f"approx_count_distinct({name})"]
        if name in (*tables.FLOATS, *tables.INTEGERS):
            parts += [f"{function}({name})" for function in ("min", "max", "avg", "stddev_pop")]
            parts.append(f"approx_quantile({name}, [{', '.join(f'0.{i}' for i in range(1, 10))}])")
        elif name != "u0":
            parts.append(f"approx_top_k({name}, 120)")
    statement = f"SELECT count(*), {', '.join(parts)} FROM {source}"
    return lambda: connection.sql(statement).fetchall()
