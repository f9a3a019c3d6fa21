"""What models print, in the log group of their endpoint: /aws/sagemaker/Endpoints/NAME, one stream an instance."""

from collections import deque
from threading import Lock

import structlog

from watchpost.errors import Refused, ServerError
from watchpost.service.clock import Clock
from watchpost.service.events.documents import PutLogEvents

_log = structlog.get_logger(__name__)
_MOST_LINES, _LINES_AT_ONCE = 10_000, 1000


def log_group(endpoint: str) -> str:
    """The name of an endpoint's log group."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


class EndpointLogs:
    """Gathers lines and writes them in batches; a model that prints too much loses its oldest lines, and is told so."""

    def __init__(self, put: PutLogEvents, clock: Clock) -> None:
        self._put, self._clock = put, clock
        self._lock = Lock()
        self._lines: deque[tuple[str, str, int, str]] = deque()
        self._lost = 0

    def take(self, endpoint: str, variant: str, instance: str, lines: list[str]) -> None:
        """Take lines a process printed; returns at once."""
        at = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            for line in lines:
                self._lines.append((log_group(endpoint), f"{variant}/{instance}", at, line))
            while len(self._lines) > _MOST_LINES:
                self._lines.popleft()
                self._lost += 1

    def flush(self) -> None:
        """Write what was gathered. What cannot be written is dropped: a log must not stop anything else."""
        with self._lock:
            lines, self._lines, lost, self._lost = self._lines, deque(), self._lost, 0
        if lost:
            _log.warning("lines that models printed were dropped", lines=lost)
        streams: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for group, stream, at, line in lines:
            streams.setdefault((group, stream), []).append((at, line))
        now = self._clock.now()
        for (group, stream), events in streams.items():
            for start in range(0, len(events), _LINES_AT_ONCE):
                try:
                    self._put(group, stream, events[start : start + _LINES_AT_ONCE], now, True)
                except (Refused, ServerError) as problem:
                    _log.warning("what a model printed could not be logged", group=group, why=str(problem))
