"""Creating, changing and deleting alarms, and setting their state by hand."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchpost.alarms import business_hours, requests
from watchpost.alarms.metric_sources import planned
from watchpost.alarms.records import Alarm, CompositeAlarm, Judgement, MetricAlarm, State, initial_state
from watchpost.alarms.requests import Place
from watchpost.alarms.rules import MOST_PARENTS, parse_rule
from watchpost.alarms.state_changes import CONFIGURATION_CHANGE, SOURCE, configuration_change
from watchpost.errors import Refused
from watchpost.events.envelope import Event
from watchpost.metrics.plan import Query
from watchpost.service.alarms.actions import alarm_of, note
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.documents import COMPOSITE_ALARM, HELD, METRIC_ALARM, STATE, TAGS, WITHHELD
from watchpost.service.alarms.transitions import EventSink, Transitions
from watchpost.service.clock import Clock
from watchpost.stores.store import Entry, Store, Transaction

_DONE = {"create": "created", "update": "updated", "delete": "deleted"}

# Makes a detector for a band of the queries, in the caller's transaction, unless there is one: (tx, queries, id of the
# band, who asks).
EnsureDetectors = Callable[[Transaction, Sequence[Query], str, str], None]


class AlarmChanges:
    """What changes alarms. `actor` is who asked, for the journal."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        transitions: Transitions,
        dependants: Dependants,
        events: EventSink,
        place: Place,
        new_id: Callable[[], str],
        detectors: EnsureDetectors,
    ) -> None:
        self._store, self._clock, self._transitions, self._dependants = store, clock, transitions, dependants
        self._events, self._place, self._new_id, self._detectors = events, place, new_id, detectors

    def put_metric_alarm(self, given: Mapping[str, object], actor: str = "server") -> None:
        """Create or replace a metric alarm, from the members of PutMetricAlarm.

        A new alarm is in INSUFFICIENT_DATA; an old one keeps its state and its tags. An alarm on a band brings the
        anomaly detector of the band into being.
        Raises: Refused: see `requests.metric_alarm`; the name belongs to a composite alarm; tags make no sense.
        """
        now = self._clock.now()
        alarm, tags = requests.metric_alarm(given, self._place, now), requests.tags(given.get("Tags"))

        def work(tx: Transaction) -> None:
            _refuse_taken(tx.get(COMPOSITE_ALARM, alarm.name), "composite alarm")
            previous = tx.get(METRIC_ALARM, alarm.name)
            kept = tags if previous is None else tx.get(TAGS, alarm.arn) or {}
            created = now if previous is None else previous.created
            put = replace(with_hours(alarm, kept), created=created)
            tx.put(METRIC_ALARM, alarm.name, put)
            if put.band is not None:
                self._detectors(tx, planned(put.queries), put.band, actor)
            self._arrive(tx, put, previous, tags, actor, now)

        self._store.write(work)

    def put_composite_alarm(self, given: Mapping[str, object], actor: str = "server") -> None:
        """Create or replace a composite alarm, from the members of PutCompositeAlarm, and judge it at once.

        Raises: Refused: see `requests.composite_alarm`; it names an alarm that does not exist; an alarm would be part
        of more than 150 composite alarms.
        """
        now = self._clock.now()
        alarm, tags = requests.composite_alarm(given, self._place, now), requests.tags(given.get("Tags"))

        def work(tx: Transaction) -> None:
            _refuse_taken(tx.get(METRIC_ALARM, alarm.name), "metric alarm")
            self._check_references(tx, alarm)
            previous = tx.get(COMPOSITE_ALARM, alarm.name)
            put = replace(alarm, created=now if previous is None else previous.created)
            tx.put(COMPOSITE_ALARM, alarm.name, put)
            self._arrive(tx, put, previous, tags, actor, now)
            if previous is not None and previous.suppressor != put.suppressor:
                self._transitions.replace_suppressor(tx, put, now)
            self._transitions.evaluate_composite(tx, put, now, created=previous is None)

        self._store.write(work)

    def delete(self, names: Sequence[str], actor: str = "server") -> None:
        """Delete alarms; unknown names are passed over. Their history stays.

        Raises: Refused (ValidationError): more than one composite alarm, or an alarm that another one still needs.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            alarms = {name: alarm for name in names if (alarm := alarm_of(tx, name)) is not None}
            if sum(isinstance(alarm, CompositeAlarm) for alarm in alarms.values()) > 1:
                raise Refused("ValidationError", "DeleteAlarms can include no more than one composite alarm")
            self._refuse_needed(tx, alarms)
            for alarm in alarms.values():
                self._tell(tx, "delete", alarm, None, actor, now)
                _remove(tx, alarm)

        self._store.write(work)

    def enable_actions(self, names: Sequence[str], enabled: bool, actor: str = "server") -> None:
        """Switch the actions of alarms on or off; unknown names are passed over."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            for name in names:
                alarm = alarm_of(tx, name)
                if alarm is None or alarm.actions.enabled == enabled:
                    continue
                changed = replace(alarm, actions=replace(alarm.actions, enabled=enabled), updated=now)
                if isinstance(changed, CompositeAlarm):
                    tx.put(COMPOSITE_ALARM, name, changed)
                else:
                    tx.put(METRIC_ALARM, name, changed)
                self._tell(tx, "update", changed, alarm, actor, now)

        self._store.write(work)

    def set_state(
        self, name: str, state: State, reason: str, reason_data: str | None = None, actor: str = "server"
    ) -> None:
        """Put an alarm into a state by hand, until it is evaluated next.

        Raises: Refused: ResourceNotFound; InvalidFormatFault when the reason data is no JSON object.
        """
        if reason_data is not None and not _is_json_object(reason_data):
            raise Refused("InvalidFormatFault", "StateReasonData must be a JSON object")
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            alarm, before = alarm_of(tx, name), tx.get(STATE, name)
            if alarm is None or before is None:
                # The service's own answer has no words either.
                raise Refused("ResourceNotFound", "")
            entry: dict[str, object] = {"state": state, "reason": reason}
            tx.record(Entry(now, "alarm.state-set", alarm.arn, actor, entry))
            found, around = Judgement(state, reason, reason_data), self._dependants.of(tx)
            self._transitions.enter(tx, alarm, before, found, now, around)

        self._store.write(work)

    # --- what every change brings with it ---------------------------------------------------------------------------

    def _arrive(
        self, tx: Transaction, alarm: Alarm, previous: Alarm | None, tags: dict[str, str], actor: str, now: datetime
    ) -> None:
        if previous is None:
            tx.put(STATE, alarm.name, initial_state(now))
            if tags:
                tx.put(TAGS, alarm.arn, tags)
        self._tell(tx, "create" if previous is None else "update", alarm, previous, actor, now)

    def _tell(
        self, tx: Transaction, operation: str, alarm: Alarm, previous: Alarm | None, actor: str, now: datetime
    ) -> None:
        state = tx.get(STATE, alarm.name) or initial_state(now)
        detail = configuration_change(operation, alarm, state, previous)
        done = _DONE[operation]
        data = {"version": "1.0", "type": operation.capitalize(), f"{done}Alarm": detail["configuration"]}
        note(tx, alarm, now, "ConfigurationUpdate", f'Alarm "{alarm.name}" {done}', data)
        tx.record(Entry(now, f"alarm.{operation}", alarm.arn, actor, {"configuration": detail["configuration"]}))
        event = Event(
            self._new_id(),
            SOURCE,
            CONFIGURATION_CHANGE,
            self._place.account,
            self._place.region,
            now,
            detail,
            (alarm.arn,),
        )
        self._events.publish(tx, event)

    # --- what the store knows ---------------------------------------------------------------------------------------

    def _check_references(self, tx: Transaction, alarm: CompositeAlarm) -> None:
        children = parse_rule(alarm.rule).children
        wanted = children if alarm.suppressor is None else (*children, alarm.suppressor)
        missing = [name for name in wanted if alarm_of(tx, name) is None]
        if missing:
            raise Refused("ValidationError", f"The following alarms do not exist: {', '.join(sorted(set(missing)))}")
        parents = self._dependants.of(tx).compositions.parents
        for child in children:
            if len(set(parents.get(child, ())) | {alarm.name}) > MOST_PARENTS:
                raise Refused("LimitExceededFault", f"{child} is part of {MOST_PARENTS} composite alarms already")

    def _refuse_needed(self, tx: Transaction, alarms: Mapping[str, Alarm]) -> None:
        compositions = self._dependants.of(tx).compositions
        for name in alarms:
            needing = {*compositions.parents.get(name, ()), *compositions.silenced.get(name, ())} - alarms.keys()
            # A composite alarm that looks at itself is a circle, which blocks its own deletion.
            needing |= {name} & set(compositions.parents.get(name, ()))
            if needing:
                raise Refused(
                    "ValidationError", f"The alarm {name} cannot be deleted: {', '.join(sorted(needing))} depends on it"
                )


def _remove(tx: Transaction, alarm: Alarm) -> None:
    tx.delete(METRIC_ALARM, alarm.name)
    tx.delete(COMPOSITE_ALARM, alarm.name)
    tx.delete(STATE, alarm.name)
    tx.delete(HELD, alarm.name)
    tx.delete(WITHHELD, alarm.name)
    tx.delete(TAGS, alarm.arn)


def _refuse_taken(taken: Alarm | None, what: str) -> None:
    if taken is not None:
        raise Refused("ValidationError", f"The name {taken.name} already belongs to a {what}")


def with_hours(alarm: MetricAlarm, tags: Mapping[str, str]) -> MetricAlarm:
    """The alarm with the business hours that its tags describe.

    Raises: Refused (ValidationError): they cannot be read, or the alarm has no threshold that they could replace.
    """
    hours = business_hours.from_tags(tags)
    if hours is not None and alarm.threshold is None:
        raise Refused("ValidationError", "Business hours need an alarm with a Threshold")
    return replace(alarm, hours=hours)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
