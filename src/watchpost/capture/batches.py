"""Lines gathered until they become a file: one per hour of invocation (contract 1.1)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from watchpost.capture.record import event_id

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Batch:
    """A capture file to be: its key below the destination, its lines, and how many there are."""

    key: str
    body: bytes
    records: int


@dataclass(slots=True)
class _Open:
    """The lines of an hour so far. since: the instant of the first, seconds since 1970."""

    since: float
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    records: int = 0


class OpenBatches:
    """The hours whose lines are gathering. Instants are seconds since 1970."""

    def __init__(self, prefix: str, flush_seconds: float, flush_bytes: int) -> None:
        self._prefix, self._seconds, self._bytes = prefix, flush_seconds, flush_bytes
        self._hours: dict[int, _Open] = {}

    def add(self, lines: bytes, at: float, now: float, records: int = 1) -> None:
        """Gather lines of invocations in the hour of `at`, the first of them then."""
        hour = int(at // HOUR)
        open_ = self._hours.get(hour)
        if open_ is None:
            open_ = self._hours[hour] = _Open(min(at, now))
        open_.lines.append(lines)
        open_.size += len(lines)
        open_.records += records

    def due(self, now: float) -> list[int]:
        """The hours to be written: old, large, or over, as a monitor reads an hour soon after it has ended."""
        return [
            hour
            for hour, open_ in self._hours.items()
            # A clock that was set back must not keep a batch open for ever.
            if not 0 <= now - open_.since < self._seconds or open_.size >= self._bytes or hour < int(now // HOUR)
        ]

    def all(self) -> list[int]:
        """All hours with lines."""
        return list(self._hours)

    def take(self, hour: int, now: float, unique: int) -> Batch:
        """An hour's lines as a file that is written now. unique: 128 random bits."""
        open_ = self._hours.pop(hour)
        key = f"{self._prefix}/{hour_folder(hour * HOUR)}/{file_name(now, unique)}"
        return Batch(key, b"".join(open_.lines), open_.records)


def hour_folder(at: float) -> str:
    """The folder of an instant's hour.

    >>> hour_folder(1650240048.871)
    '2022/04/18/00'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y/%m/%d/%H")


def file_name(at: float, unique: int) -> str:
    """The name of a file that is written at that instant.

    >>> file_name(1650240048.871, 0)
    '00-48-871-00000000-0000-4000-8000-000000000000.jsonl'
    """
    milliseconds = round(at * 1000)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%M-%S}-{milliseconds % 1000:03d}-{event_id(unique)}.jsonl"
