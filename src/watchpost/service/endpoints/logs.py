"""What models print, in the log group of their endpoint: /aws/sagemaker/Endpoints/NAME, one stream an instance."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import structlog

from watchpost.errors import Refused, ServerError
from watchpost.logs.admission import MOST_BYTES, size
from watchpost.service.clock import Clock
from watchpost.service.events.documents import PutLogEvents

_log = structlog.get_logger(__name__)
_MOST_LINES, _LINES_AT_ONCE = 10_000, 1000


def log_group(endpoint: str) -> str:
    """The name of an endpoint's log group."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: where it belongs, when it was printed (epoch milliseconds), and what it says."""

    group: str
    stream: str
    at: int
    text: str


class EndpointLogs:
    """Gathers lines and writes them in batches; a model that prints too much loses its oldest lines, and is told so."""

    def __init__(self, put: PutLogEvents, clock: Clock) -> None:
        self._put, self._clock = put, clock
        self._lock = Lock()
        self._lines: deque[_Line] = deque()
        self._lost = 0

    def take(self, endpoint: str, variant: str, instance: str, lines: list[str]) -> None:
        """Take lines a process printed; returns at once."""
        at = int(self._clock.now().timestamp() * 1000)
        self._keep([_Line(log_group(endpoint), f"{variant}/{instance}", at, line) for line in lines])

    def flush(self) -> None:
        """Write what was gathered; what the store cannot take now is kept for the next time."""
        with self._lock:
            lines, self._lines, lost, self._lost = self._lines, deque(), self._lost, 0
        if lost:
            _log.warning("lines that models printed were dropped", lines=lost)
        streams: dict[tuple[str, str], list[_Line]] = {}
        for line in lines:
            streams.setdefault((line.group, line.stream), []).append(line)
        for (group, stream), gathered in streams.items():
            for batch in _batches(gathered):
                self._write(group, stream, batch)

    def _write(self, group: str, stream: str, batch: list[_Line]) -> None:
        try:
            self._put(group, stream, [(line.at, line.text) for line in batch], self._clock.now(), True)
        except Refused as problem:
            # Dropped: it would be refused for ever, and a log must not stop anything else.
            _log.warning("what a model printed could not be logged", group=group, why=str(problem))
        except ServerError as problem:
            _log.warning("what a model printed could not be logged yet", group=group, why=str(problem))
            self._keep(batch)

    def _keep(self, lines: list[_Line]) -> None:
        with self._lock:
            self._lines.extend(lines)
            while len(self._lines) > _MOST_LINES:
                self._lines.popleft()
                self._lost += 1


def _batches(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Lines of one stream, as batches that PutLogEvents takes: in order of time, and not too large.

    Threads that take lines of one stream at a time, a clock that is set back and what had to wait mix up the order.
    """
    batch, bytes_ = list[_Line](), 0
    for line in sorted(lines, key=lambda each: each.at):
        more = size([line.text])
        if batch and (len(batch) == _LINES_AT_ONCE or bytes_ + more > MOST_BYTES):
            yield batch
            batch, bytes_ = [], 0
        batch.append(line)
        bytes_ += more
    if batch:
        yield batch
