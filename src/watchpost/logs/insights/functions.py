"""The scalar functions of Insights over columns, and the names of all functions with how many arguments they take."""

import ipaddress
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import polars as pl

from watchpost.logs.insights.columns import Column, constant
from watchpost.logs.insights.periods import floor_instants, next_instants
from watchpost.logs.insights.scanner import malformed
from watchpost.logs.insights.syntax import Period

ARITY: dict[str, tuple[int, int]] = {
    "abs": (1, 1), "ceil": (1, 1), "floor": (1, 1), "log": (1, 1), "sqrt": (1, 1),
    "greatest": (1, 50), "least": (1, 50),
    "ispresent": (1, 1), "coalesce": (1, 50), "isempty": (1, 1), "isblank": (1, 1),
    "concat": (1, 50), "ltrim": (1, 2), "rtrim": (1, 2), "trim": (1, 2), "strlen": (1, 1),
    "toupper": (1, 1), "tolower": (1, 1), "substr": (2, 3), "replace": (3, 3), "strcontains": (2, 2),
    "bin": (1, 1), "datefloor": (2, 2), "dateceil": (2, 2), "fromMillis": (1, 1), "toMillis": (1, 1), "now": (0, 0),
    "isValidIp": (1, 1), "isValidIpV4": (1, 1), "isValidIpV6": (1, 1),
    "isIpInSubnet": (2, 2), "isIpv4InSubnet": (2, 2), "isIpv6InSubnet": (2, 2),
    "jsonParse": (1, 1), "jsonStringify": (1, 1),
}  # fmt: skip
"""Scalar functions: least and most arguments."""

AGGREGATES: dict[str, tuple[int, int]] = {
    "avg": (1, 1), "count": (1, 1), "count_distinct": (1, 1), "max": (1, 1), "min": (1, 1), "median": (1, 1),
    "pct": (2, 2), "percentile": (2, 2), "stddev": (1, 1), "sum": (1, 1), "earliest": (1, 1), "latest": (1, 1),
    "sortsFirst": (1, 1), "sortsLast": (1, 1),
}  # fmt: skip
"""Aggregates: least and most arguments."""


def check_expression(expression: str, start: int, end: int) -> None:
    """Let the engine compile a regular expression.

    Raises: Refused MalformedQueryException: it is malformed or uses what cannot be run in linear time.
    """
    try:
        pl.Series([""]).str.contains(expression)
    except pl.exceptions.ComputeError as problem:
        reason = str(problem).splitlines()[-1]
        raise malformed(f"the regular expression /{expression}/ cannot be used: {reason}", start, end) from problem


def call(name: str, arguments: Sequence[Column], length: int, now: float) -> Column:
    """A function without periods, of columns of this length; `now` in epoch seconds."""
    if name == "now":
        return constant(float(int(now)), length)
    return _FUNCTIONS[name](arguments)


def rounded(name: str, instants: Column, period: Period) -> Column:
    """`datefloor`, `bin` or `dateceil` of epoch milliseconds."""
    floors = floor_instants(instants.number, period.count, period.unit)
    if name != "dateceil":
        return Column("instant", floors)
    following = next_instants(floors, period.count, period.unit)
    return Column("instant", pl.select(pl.when(floors < instants.number).then(following).otherwise(floors)).to_series())


def _numeric(function: Callable[[pl.Series], pl.Series]) -> Callable[[Sequence[Column]], Column]:
    def apply(arguments: Sequence[Column]) -> Column:
        return Column("number", finite(function(arguments[0].number)))

    return apply


def finite(numbers: pl.Series) -> pl.Series:
    """The numbers, with NaN and infinities (a division by zero, a root of a negative number) missing."""
    return pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()


def _textual(function: Callable[[pl.Expr, list[pl.Expr]], pl.Expr]) -> Callable[[Sequence[Column]], Column]:
    def apply(arguments: Sequence[Column]) -> Column:
        frame = pl.DataFrame([each.text.alias(str(place)) for place, each in enumerate(arguments)])
        first, *rest = [pl.col(name) for name in frame.columns]
        return Column("text", frame.select(function(first, rest)).to_series())

    return apply


def _extreme(horizontal: Callable[[list[pl.Series]], pl.Expr]) -> Callable[[Sequence[Column]], Column]:
    return lambda arguments: Column("number", pl.select(horizontal([each.number for each in arguments])).to_series())


def _present(arguments: Sequence[Column]) -> Column:
    return Column("truth", arguments[0].series.is_not_null())


def _empty(arguments: Sequence[Column]) -> Column:
    return Column("truth", (arguments[0].text.fill_null("") == ""))


def _blank(arguments: Sequence[Column]) -> Column:
    return Column("truth", arguments[0].text.fill_null("").str.strip_chars() == "")


def _coalesce(arguments: Sequence[Column]) -> Column:
    form = arguments[0].form if len({each.form for each in arguments}) == 1 else "text"
    series = [each.text if form == "text" else each.series for each in arguments]
    return Column(form, pl.select(pl.coalesce(series)).to_series())


def _concat(arguments: Sequence[Column]) -> Column:
    return Column("text", pl.select(pl.concat_str([each.text.fill_null("") for each in arguments])).to_series())


def _trimmed(side: str) -> Callable[[Sequence[Column]], Column]:
    def strip(text: pl.Expr, rest: list[pl.Expr]) -> pl.Expr:
        signs = rest[0] if rest else None
        match side:
            case "left":
                return text.str.strip_chars_start(signs)
            case "right":
                return text.str.strip_chars_end(signs)
            case _:
                return text.str.strip_chars(signs)

    return _textual(strip)


def _strlen(arguments: Sequence[Column]) -> Column:
    return Column("number", arguments[0].text.str.len_chars().cast(pl.Float64))


def _substr(arguments: Sequence[Column]) -> Column:
    start = arguments[1].number.clip(0, 2**31).cast(pl.Int64)
    length = arguments[2].number.clip(0, 2**31).cast(pl.UInt64) if len(arguments) > 2 else None
    cut = pl.DataFrame([arguments[0].text.alias("t"), start.alias("s")])
    count = None if length is None else pl.lit(length)
    return Column("text", cut.select(pl.col("t").str.slice(pl.col("s"), count)).to_series())


def _replace(arguments: Sequence[Column]) -> Column:
    rows = zip(*(each.text for each in arguments), strict=True)
    done = [None if None in row else row[0].replace(row[1], row[2]) for row in rows]
    return Column("text", pl.Series(done, dtype=pl.String))


def _strcontains(arguments: Sequence[Column]) -> Column:
    texts = pl.DataFrame([arguments[0].text.alias("t"), arguments[1].text.alias("p")])
    found = texts.select(pl.col("t").str.contains(pl.col("p"), literal=True)).to_series()
    return Column("number", found.fill_null(value=False).cast(pl.Float64))


def _mapped(test: Callable[[str], bool]) -> Callable[[Sequence[Column]], Column]:
    """A test of texts, done once for each different text."""

    def apply(arguments: Sequence[Column]) -> Column:
        texts = arguments[0].text
        outcome = {each: test(each) for each in texts.unique() if each is not None}
        return Column("truth", pl.Series([outcome.get(each, False) for each in texts], dtype=pl.Boolean))

    return apply


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _in_subnet(version: int | None) -> Callable[[Sequence[Column]], Column]:
    def test(text: str | None, subnet: str | None) -> bool:
        address = None if text is None else _address(text)
        try:
            network = None if subnet is None else ipaddress.ip_network(subnet, strict=False)
        except ValueError:
            return False
        if address is None or network is None or (version is not None and address.version != version):
            return False
        return address in network

    def apply(arguments: Sequence[Column]) -> Column:
        rows = list(zip(arguments[0].text, arguments[1].text, strict=True))
        outcome = {row: test(*row) for row in set(rows)}
        return Column("truth", pl.Series([outcome[row] for row in rows], dtype=pl.Boolean))

    return apply


def _json_parse(arguments: Sequence[Column]) -> Column:
    texts = [each if each is not None and _is_json(each) else None for each in arguments[0].text]
    return Column("json", pl.Series(texts, dtype=pl.String))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def _json_stringify(arguments: Sequence[Column]) -> Column:
    if arguments[0].form in {"json", "item"}:
        return Column("text", arguments[0].text)
    quoted = [None if each is None else msgspec.json.encode(each).decode() for each in arguments[0].text]
    return Column("text", pl.Series(quoted, dtype=pl.String))


_FUNCTIONS: dict[str, Callable[[Sequence[Column]], Column]] = {
    "abs": _numeric(lambda numbers: numbers.abs()),
    "ceil": _numeric(lambda numbers: numbers.ceil()),
    "floor": _numeric(lambda numbers: numbers.floor()),
    "log": _numeric(lambda numbers: numbers.log()),
    "sqrt": _numeric(lambda numbers: numbers.sqrt()),
    "greatest": _extreme(pl.max_horizontal),
    "least": _extreme(pl.min_horizontal),
    "ispresent": _present,
    "coalesce": _coalesce,
    "isempty": _empty,
    "isblank": _blank,
    "concat": _concat,
    "ltrim": _trimmed("left"),
    "rtrim": _trimmed("right"),
    "trim": _trimmed("both"),
    "strlen": _strlen,
    "toupper": _textual(lambda text, _: text.str.to_uppercase()),
    "tolower": _textual(lambda text, _: text.str.to_lowercase()),
    "substr": _substr,
    "replace": _replace,
    "strcontains": _strcontains,
    "fromMillis": lambda arguments: Column("instant", arguments[0].number),
    "toMillis": lambda arguments: Column("number", arguments[0].number),
    "isValidIp": _mapped(lambda text: _address(text) is not None),
    "isValidIpV4": _mapped(lambda text: isinstance(_address(text), ipaddress.IPv4Address)),
    "isValidIpV6": _mapped(lambda text: isinstance(_address(text), ipaddress.IPv6Address)),
    "isIpInSubnet": _in_subnet(None),
    "isIpv4InSubnet": _in_subnet(4),
    "isIpv6InSubnet": _in_subnet(6),
    "jsonParse": _json_parse,
    "jsonStringify": _json_stringify,
}


def arithmetic(operator: str, left: pl.Series, right: pl.Series) -> pl.Series:
    """`+ - * / ^ %` of numbers; missing where an operand is, or where the result is no finite number.

    The remainder has the sign of the dividend.
    """
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "^":
            result = left.pow(right)
        case _:
            # By numpy: polars divides by a single number through its reciprocal, so that 49 / 49 is not 1.
            with np.errstate(all="ignore"):
                function = np.true_divide if operator == "/" else np.fmod
                result = pl.Series(function(left.to_numpy(), right.to_numpy()), nan_to_null=True)
    return finite(result.cast(pl.Float64))
