"""What the log service keeps about groups, streams, subscriptions and saved queries. Instants are in epoch ms."""

from dataclasses import dataclass

from watchpost.logs.metric_filter import MetricFilter

_SHORT = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
RETENTION_DAYS = (*_SHORT, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The retention periods CloudWatch Logs knows."""

DAY = 86_400_000
"""Milliseconds of a day."""

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """Matching events of a group are passed on to `destination`, the ARN of a topic."""

    group: str
    name: str
    pattern: str
    destination: str
    created: int
    role: str | None = None
    distribution: str = "ByLogStream"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group with the filters that its events pass; `retention` in days, None keeps events for ever."""

    name: str
    created: int
    retention: int | None = None
    log_class: str = "STANDARD"
    protected: bool = False
    tags: Tags = ()
    metric_filters: tuple[MetricFilter, ...] = ()
    subscriptions: tuple[SubscriptionFilter, ...] = ()

    def horizon(self, now: int) -> int:
        """The oldest instant whose events are still kept."""
        return 0 if self.retention is None else max(0, now - self.retention * DAY)


@dataclass(frozen=True, slots=True)
class LogStream:
    """A stream of a log group."""

    group: str
    name: str
    created: int


@dataclass(frozen=True, slots=True)
class QueryDefinition:
    """A saved Insights query."""

    id: str
    name: str
    text: str
    groups: tuple[str, ...]
    modified: int
    parameters: tuple[tuple[str, str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """Which events of a put were not taken: indexes as `rejectedLogEventsInfo` has them, ends exclusive."""

    too_new_start: int | None = None
    too_old_end: int | None = None
    expired_end: int | None = None

    def __bool__(self) -> bool:
        return (self.too_new_start, self.too_old_end, self.expired_end) != (None, None, None)
