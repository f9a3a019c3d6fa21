"""Capture lines of a stretch of time that does not begin and end with an hour, as the hour folders do."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec


class _Metadata(msgspec.Struct):
    inferenceTime: datetime | None = None  # noqa: N815  the file's word


class _Line(msgspec.Struct):
    eventMetadata: _Metadata | None = None  # noqa: N815  the file's word


_DECODER = msgspec.json.Decoder(_Line)


def within(lines: Iterable[bytes], start: datetime, end: datetime) -> Iterator[bytes]:
    """The lines of inferences in [start, end), both aware.

    Times of inferences are whole seconds: one that may lie in the window does. A line that says no time is kept, and
    so is one that cannot be read: whoever reads the records says what is wrong with it.
    """
    first = start.replace(microsecond=0)
    for line in lines:
        at = _instant(line)
        if at is None or first <= at < end:
            yield line


def _instant(line: bytes) -> datetime | None:
    try:
        metadata = _DECODER.decode(line).eventMetadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    at = metadata.inferenceTime if metadata is not None else None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
