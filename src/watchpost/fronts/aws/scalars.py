"""Single values on the wire: instants, numbers and bytes, in and out, strict about what they are."""

import math
import re
from base64 import b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from watchpost.fronts.aws.wire import Mismatch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANGES = {"integer": 2**31, "long": 2**63, "short": 2**15, "byte": 2**7}
_TYPES = {"integer": "Integer", "long": "Long", "short": "Short", "byte": "Byte"}
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


_TOKENS: dict[type, str] = {
    type(None): "NULL_VALUE",
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
    bytes: "BYTES_VALUE",
}


def token(value: object) -> str:
    """The word AWS has for what a value is on the wire (`STRING_VALUE`, `START_OBJECT`, …)."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return _TOKENS.get(type(value), "UNKNOWN_VALUE")


def unfit(value: object, wanted: str) -> Mismatch:
    """The refusal of a value that is not a `wanted`."""
    return Mismatch(f"{token(value)} can not be converted to a {wanted}")


def text(value: object) -> str:
    """A string as it stands."""
    if type(value) is not str:
        raise unfit(value, "String")
    return value


def flag(value: object) -> bool:
    """A boolean as it stands."""
    if type(value) is not bool:
        raise unfit(value, "Boolean")
    return value


def whole(kind: str) -> Callable[[object], int]:
    """A reader of whole numbers in the range of `kind` (`integer`, `long`, `short`, `byte`); 3.0 is whole."""
    limit = _RANGES[kind]

    def read(value: object) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise unfit(value, _TYPES[kind])
        if not -limit <= value < limit:
            raise Mismatch(f"{str(value)[:40]} is out of the range of {_TYPES[kind]}")
        return value

    return read


def number(value: object) -> float:
    """A double; the strings `NaN`, `Infinity` and `-Infinity` are numbers too."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Mismatch("NUMBER_VALUE is out of the range of Double") from None
    if type(value) is str and value in _SPECIAL:
        return _SPECIAL[value]
    raise unfit(value, "Double")


def instant(value: object) -> datetime:
    """Epoch seconds, ISO 8601 or an RFC 822 date as an aware UTC datetime (microseconds)."""
    if type(value) is int or type(value) is float:
        try:
            return EPOCH + timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise Mismatch("NUMBER_VALUE can not be converted to a Timestamp: it is out of range") from None
    if type(value) is str:
        return instant_from_text(value)
    raise unfit(value, "Timestamp")


def instant_from_text(value: str) -> datetime:
    """An aware UTC datetime from ISO 8601 (UTC where it names no zone), an RFC 822 date or a decimal number."""
    if len(value) > 64:
        raise Mismatch("STRING_VALUE is too long for a Timestamp")
    try:
        if _NUMBER.fullmatch(value) and not (len(value) == 8 and value.isdigit()):
            return EPOCH + timedelta(seconds=float(value))
        moment = parsedate_to_datetime(value) if "," in value else datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        raise Mismatch(f"{value!r} can not be converted to a Timestamp, expected ISO 8601") from None


def bytes_from_text(value: object) -> bytes:
    """The bytes of base64 text."""
    if type(value) is not str:
        raise unfit(value, "Blob")
    try:
        return a2b_base64(value.encode("ascii"), strict_mode=True) if value else b""
    except (BinasciiError, UnicodeEncodeError):
        raise Mismatch("STRING_VALUE can not be converted to a Blob, expected base64") from None


def flag_from_text(value: str) -> bool:
    """`true` or `false`, in any case."""
    match value.lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise Mismatch(f"{value[:64]!r} can not be converted to a Boolean")


def whole_from_text(kind: str) -> Callable[[str], int]:
    """A reader of whole numbers written in decimal, in the range of `kind`."""
    inner = whole(kind)

    def read(value: str) -> int:
        if not _WHOLE.fullmatch(value):
            raise Mismatch(f"{value[:64]!r} can not be converted to a {_TYPES[kind]}")
        return inner(int(value))

    return read


def number_from_text(value: str) -> float:
    """A double written in decimal, or `NaN`, `Infinity`, `-Infinity`."""
    if _NUMBER.fullmatch(value):
        return float(value)
    if value in _SPECIAL:
        return _SPECIAL[value]
    raise Mismatch(f"{value[:64]!r} can not be converted to a Double")


def epoch(value: object) -> int | float:
    """Epoch seconds of a datetime (or of epoch seconds): whole where it is whole, else to the millisecond."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; an answer's timestamps are aware datetimes.")
        value = (value - EPOCH).total_seconds()
    if isinstance(value, int):
        return value
    if not isinstance(value, float):
        raise TypeError(f"{value!r} is no timestamp; an answer's timestamps are datetimes or epoch seconds.")
    return int(value) if value.is_integer() else round(value, 3)


def iso8601(value: object) -> str:
    """An instant as `2026-11-30T12:00:00Z`, with milliseconds where it has any."""
    moment = (EPOCH + timedelta(seconds=epoch(value))).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def rfc822(value: object) -> str:
    """An instant as `Mon, 30 Nov 2026 12:00:00 GMT`."""
    return format_datetime(EPOCH + timedelta(seconds=int(epoch(value))), usegmt=True)


def instant_as(form: str | None, default: Callable[[object], int | float | str]) -> Callable[[object], object]:
    """The writer of instants in the model's `timestampFormat`, `default` where it names none."""
    named: dict[str, Callable[[object], object]] = {"iso8601": iso8601, "rfc822": rfc822, "unixTimestamp": epoch}
    return default if form is None else named[form]


def number_out(value: object) -> float | str:
    """A double for JSON, where what is not finite is a string."""
    plain = float(value)  # type: ignore[arg-type]  # whatever is a number to numpy or Decimal is one here
    if math.isfinite(plain):
        return plain
    return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"


def bytes_out(value: object) -> str:
    """Bytes (or text, as UTF-8) in base64."""
    return b64encode(value.encode() if isinstance(value, str) else bytes(value)).decode()  # type: ignore[call-overload]  # bytes() itself says what it cannot take
