"""Reading alarms: their configuration and state, in pages, and their history."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge

from watchpost.alarms.records import Alarm, AlarmState, CompositeAlarm, MetricAlarm, State, initial_state
from watchpost.alarms.rules import parse_rule
from watchpost.errors import Refused
from watchpost.metrics.identity import Metric
from watchpost.service.alarms.actions import alarm_of
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.documents import COMPOSITE_ALARM, METRIC_ALARM, STATE
from watchpost.stores.sql.alarm_history import HistoryFilter, HistoryItem, Place, lines
from watchpost.stores.store import Store, Transaction

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Described:
    """An alarm and where it stands."""

    alarm: Alarm
    state: AlarmState


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms: of these names or this prefix, these kinds, in this state, with an action that starts so."""

    names: frozenset[str] = frozenset()
    prefix: str = ""
    metric: bool = True
    composite: bool = False
    state: State | None = None
    action_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Alarms by name, and whether more follow."""

    alarms: tuple[Described, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """Which alarms watch this metric; None: whatever."""

    metric: Metric
    statistic: str | None = None
    extended: str | None = None
    period: int | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Lines of history, and where the next page begins; None on the last page."""

    items: tuple[HistoryItem, ...] = ()
    next: Place | None = None


class AlarmReading:
    """Answers questions about alarms."""

    def __init__(self, store: Store, dependants: Dependants) -> None:
        self._store, self._dependants = store, dependants

    def page(self, wanted: AlarmFilter, after: str, limit: int) -> AlarmPage:
        """Up to `limit` alarms with names behind `after`, in order of their names."""

        def work(tx: Transaction) -> AlarmPage:
            found: list[Described] = []
            for alarm in _candidates(tx, wanted, after):
                described = Described(alarm, tx.get(STATE, alarm.name) or initial_state(alarm.created))
                if _matches(described, wanted):
                    if len(found) == limit:
                        return AlarmPage(tuple(found), more=True)
                    found.append(described)
            return AlarmPage(tuple(found))

        return self._store.read(work)

    def one(self, name: str) -> Described:
        """The alarm of that name. Raises: Refused (ResourceNotFound)."""

        def work(tx: Transaction) -> Described | None:
            alarm = alarm_of(tx, name)
            return None if alarm is None else Described(alarm, tx.get(STATE, name) or initial_state(alarm.created))

        found = self._store.read(work)
        if found is None:
            raise Refused("ResourceNotFound", f"The alarm {name} does not exist")
        return found

    def children(self, name: str) -> frozenset[str]:
        """Names of the alarms that a composite alarm looks at. Raises: Refused (ResourceNotFound)."""
        composite = self._store.read(lambda tx: tx.get(COMPOSITE_ALARM, name))
        if composite is None:
            raise Refused("ResourceNotFound", f"The composite alarm {name} does not exist")
        return frozenset(parse_rule(composite.rule).children)

    def parents(self, name: str) -> frozenset[str]:
        """Names of the composite alarms that look at an alarm."""
        return self._store.read(lambda tx: frozenset(self._dependants.of(tx).compositions.parents.get(name, ())))

    def watching(self, question: MetricQuestion) -> list[Described]:
        """The alarms over exactly this metric; not those of metric math."""

        def work(tx: Transaction) -> list[Described]:
            alarms = [alarm for _, alarm in tx.scan(METRIC_ALARM) if _watches(alarm, question)]
            return [Described(alarm, tx.get(STATE, alarm.name) or initial_state(alarm.created)) for alarm in alarms]

        return self._store.read(work)

    def history(
        self, wanted: HistoryFilter, limit: int, after: Place | None = None, *, newest_first: bool = True
    ) -> HistoryPage:
        """Up to `limit` lines of history behind a place."""
        found = self._store.read(lambda tx: lines(tx, wanted, limit + 1, after, newest_first=newest_first))
        shown = tuple(found[:limit])
        return HistoryPage(shown, (shown[-1].at, shown[-1].id) if len(found) > limit else None)


def _candidates(tx: Transaction, wanted: AlarmFilter, after: str) -> Iterator[Alarm]:
    """Alarms by name that the names, the prefix and the kinds allow."""
    if wanted.names:
        alarms = (alarm_of(tx, name) for name in sorted(wanted.names) if name > after)
        yield from (alarm for alarm in alarms if alarm is not None and _of_kind(alarm, wanted))
        return
    metric = _scanned_metric(tx, wanted.prefix, after) if wanted.metric else iter(())
    composite = _scanned_composite(tx, wanted.prefix, after) if wanted.composite else iter(())
    yield from merge(metric, composite, key=lambda alarm: alarm.name)


def _scanned_metric(tx: Transaction, prefix: str, after: str) -> Iterator[Alarm]:
    while chunk := tx.scan(METRIC_ALARM, prefix, after, _CHUNK):
        yield from (alarm for _, alarm in chunk)
        after = chunk[-1][0]


def _scanned_composite(tx: Transaction, prefix: str, after: str) -> Iterator[Alarm]:
    while chunk := tx.scan(COMPOSITE_ALARM, prefix, after, _CHUNK):
        yield from (alarm for _, alarm in chunk)
        after = chunk[-1][0]


def _of_kind(alarm: Alarm, wanted: AlarmFilter) -> bool:
    return wanted.composite if isinstance(alarm, CompositeAlarm) else wanted.metric


def _matches(described: Described, wanted: AlarmFilter) -> bool:
    if wanted.state is not None and described.state.value != wanted.state:
        return False
    if wanted.action_prefix is None:
        return True
    actions = described.alarm.actions
    arns = (*actions.ok, *actions.alarm, *actions.insufficient_data)
    return any(arn.startswith(wanted.action_prefix) for arn in arns)


def _watches(alarm: MetricAlarm, question: MetricQuestion) -> bool:
    stat = alarm.stat
    if stat is None or stat.metric != question.metric:
        return False
    asked = question.statistic or question.extended
    return (
        (asked is None or (stat.stat == asked and alarm.extended == (question.extended is not None)))
        and question.period in {None, stat.period}
        and question.unit in {None, stat.unit}
    )
