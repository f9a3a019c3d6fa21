"""From a judgement to everything that follows from it, in one transaction.

A transition, its line in the history, its journal entry, its event, its notifications, the composite alarms that hang
on it and the suppressions it begins or ends commit together, or not at all.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Protocol

from watchpost.alarms import suppression
from watchpost.alarms.notification import (
    Child,
    composite_reason,
    composite_reason_at_creation,
    composite_reason_data,
)
from watchpost.alarms.records import ALARM, Alarm, AlarmState, CompositeAlarm, Judgement, MuteRule, State, Transition
from watchpost.alarms.state_changes import SOURCE, STATE_CHANGE, state_change
from watchpost.events.envelope import Event
from watchpost.service.alarms.actions import ACTOR, Actions, Occasion, alarm_of, note
from watchpost.service.alarms.compositions import Dependants, Surroundings
from watchpost.service.alarms.documents import HELD, STATE, Held
from watchpost.stores.store import Entry, Transaction
from watchpost.windows import Window


class EventSink(Protocol):
    """What transitions need of events."""

    def publish(self, tx: Transaction, event: Event) -> None:
        """Match the event against the rules and enqueue what follows, in the caller's transaction."""


@dataclass(slots=True)
class _Wave:
    """What one cause has moved so far: changed alarms by name, and composite alarms still to be looked at, by rank."""

    at: datetime
    around: Surroundings
    changed: dict[str, Child] = field(default_factory=dict)
    waiting: list[tuple[int, str]] = field(default_factory=list)

    def await_parents(self, name: str) -> None:
        for parent in self.around.compositions.parents.get(name, ()):
            rank = self.around.compositions.rank.get(parent)
            if rank is not None and (rank, parent) not in self.waiting:
                heappush(self.waiting, (rank, parent))


class Transitions:
    """Moves alarms from state to state."""

    def __init__(self, actions: Actions, events: EventSink, dependants: Dependants, new_id: Callable[[], str]) -> None:
        self._actions, self._events, self._dependants, self._new_id = actions, events, dependants, new_id

    def surroundings(self, tx: Transaction) -> Surroundings:
        """What hangs on alarms, as the transaction sees it: read once for many transitions."""
        return self._dependants.of(tx)

    def enter(
        self,
        tx: Transaction,
        alarm: Alarm,
        before: AlarmState,
        found: Judgement,
        at: datetime,
        around: Surroundings,
        tick: datetime | None = None,
    ) -> AlarmState:
        """Put the alarm into the state that was found, with all that follows; its state afterwards.

        `before` is its state as the transaction sees it. `tick` is the evaluation that found the new one; the same tick
        again changes nothing.
        """
        if tick is not None and before.tick is not None and tick <= before.tick:
            return before
        wave = _Wave(at, around)
        after = self._move(tx, wave, alarm, before, found, tick)
        self._settle_wave(tx, wave)
        return after

    def evaluate_composite(self, tx: Transaction, alarm: CompositeAlarm, now: datetime, *, created: bool) -> None:
        """Judge a composite alarm whose configuration is new."""
        wave = _Wave(now, self._dependants.of(tx))
        if alarm.name in wave.around.compositions.rank:
            self._judge_composite(tx, wave, alarm.name, (), created=created)
            self._settle_wave(tx, wave)

    def replace_suppressor(self, tx: Transaction, alarm: CompositeAlarm, now: datetime) -> None:
        """The composite alarm has another suppressor than before, or none."""
        state = tx.get(STATE, alarm.name)
        if state is not None:
            in_alarm = alarm.suppressor is not None and self._value(tx, alarm.suppressor) == ALARM
            step = suppression.suppressor_replaced(state.suppression, suppressor_in_alarm=in_alarm)
            self._suppress(tx, alarm, step, now, self._dependants.of(tx))

    def settle(self, tx: Transaction, now: datetime) -> None:
        """End the waits and extensions that are over, and perform what mute rules no longer withhold."""
        around = self._dependants.of(tx)
        for name, held in tx.scan(HELD):
            alarm, state = alarm_of(tx, name), tx.get(STATE, name)
            if not isinstance(alarm, CompositeAlarm) or state is None:
                tx.delete(HELD, name)
            elif held.until is not None and held.until <= now:
                self._suppress(tx, alarm, suppression.time_passed(state.suppression, now), now, around)
        self._actions.release(tx, now, around)

    # --- one alarm --------------------------------------------------------------------------------------------------

    def _move(
        self,
        tx: Transaction,
        wave: _Wave,
        alarm: Alarm,
        before: AlarmState,
        found: Judgement,
        tick: datetime | None,
    ) -> AlarmState:
        moved = found.state != before.value
        after = replace(
            before,
            value=found.state,
            reason=found.reason,
            reason_data=found.reason_data,
            updated=wave.at,
            transitioned=wave.at if moved else before.transitioned,
            tick=tick or before.tick,
            trouble=None,
        )
        if not moved:
            tx.put(STATE, alarm.name, after)
            return after
        step = self._step_of_change(tx, alarm, wave.at)
        after = replace(after, suppression=step.after)
        tx.put(STATE, alarm.name, after)
        occasion = Occasion(Transition(wave.at, before, after), wave.at)
        self._tell(tx, alarm, occasion, wave.around)
        if step.act:
            if isinstance(alarm, CompositeAlarm):
                tx.delete(HELD, alarm.name)
            self._actions.run(tx, alarm, occasion, wave.around)
        else:
            tx.put(HELD, alarm.name, Held(occasion.transition, step.after.until))
        wave.changed[alarm.name] = (alarm.arn, after)
        self._touch_silenced(tx, wave, alarm.name, before.value, after.value)
        wave.await_parents(alarm.name)
        return after

    def _step_of_change(self, tx: Transaction, alarm: Alarm, at: datetime) -> suppression.Step:
        if not isinstance(alarm, CompositeAlarm) or alarm.suppressor is None:
            return suppression.Step(suppression.UNSUPPRESSED, act=True)
        in_alarm = self._value(tx, alarm.suppressor) == ALARM
        return suppression.composite_changed(at, suppressor_in_alarm=in_alarm, wait=timedelta(seconds=alarm.wait or 0))

    def _tell(self, tx: Transaction, alarm: Alarm, occasion: Occasion, around: Surroundings) -> None:
        """History, journal and event of a transition."""
        before, after = occasion.transition.before, occasion.transition.after
        mute = around.muted_by(alarm.name, occasion.now) if alarm.actions.enabled else None
        data = {"version": "1.0", "oldState": _in_history(before), "newState": _in_history(after)}
        summary = f"Alarm updated from {before.value} to {after.value}"
        note(tx, alarm, occasion.now, "StateUpdate", summary, data)
        entry: dict[str, object] = {"from": before.value, "to": after.value, "reason": after.reason}
        tx.record(Entry(occasion.now, "alarm.transition", alarm.arn, ACTOR, entry))
        self._events.publish(tx, self._event(alarm, occasion, mute))

    def _event(self, alarm: Alarm, occasion: Occasion, mute: tuple[MuteRule, Window] | None) -> Event:
        detail = state_change(alarm, occasion.transition, mute)
        _, _, _, region, account, *_ = alarm.arn.split(":")
        return Event(self._new_id(), SOURCE, STATE_CHANGE, account, region, occasion.now, detail, (alarm.arn,))

    # --- composite alarms -------------------------------------------------------------------------------------------

    def _settle_wave(self, tx: Transaction, wave: _Wave) -> None:
        """Judge what hangs on the changed alarms, children before parents, so that nobody is judged on half a truth."""
        while wave.waiting:
            _, name = heappop(wave.waiting)
            rule = wave.around.compositions.rules[name]
            children = [wave.changed[child] for child in rule.children if child in wave.changed]
            self._judge_composite(tx, wave, name, children, created=False)

    def _judge_composite(
        self, tx: Transaction, wave: _Wave, name: str, children: Sequence[Child], *, created: bool
    ) -> None:
        alarm, before = wave.around.compositions.alarms[name], tx.get(STATE, name)
        if before is None:
            return
        value = wave.around.compositions.rules[name].state(lambda child: self._value(tx, child))
        if value == before.value:
            return
        if children:
            reason = composite_reason(*children[-1])
        elif created:
            reason = composite_reason_at_creation(alarm.arn, value)
        else:
            reason = f"{alarm.arn} was updated and its alarm rule evaluates to {value}"
        found = Judgement(value, reason, composite_reason_data(children) if children else None)
        self._move(tx, wave, alarm, before, found, None)

    def _touch_silenced(self, tx: Transaction, wave: _Wave, name: str, before: State, after: State) -> None:
        """A suppressor entered or left ALARM."""
        if (before == ALARM) == (after == ALARM):
            return
        for silenced in wave.around.compositions.silenced.get(name, ()):
            alarm, state = wave.around.compositions.alarms[silenced], tx.get(STATE, silenced)
            if state is None:
                continue
            if after == ALARM:
                step = suppression.suppressor_entered_alarm(state.suppression)
            else:
                extension = timedelta(seconds=alarm.extension or 0)
                step = suppression.suppressor_left_alarm(state.suppression, wave.at, extension=extension)
            self._suppress(tx, alarm, step, wave.at, wave.around)

    def _suppress(
        self, tx: Transaction, alarm: CompositeAlarm, step: suppression.Step, now: datetime, around: Surroundings
    ) -> None:
        state, held = tx.get(STATE, alarm.name), tx.get(HELD, alarm.name)
        assert state is not None
        transition = held.transition if held is not None else None
        tx.put(STATE, alarm.name, replace(state, suppression=step.after))
        if step.after.until is not None or step.after.held:
            tx.put(HELD, alarm.name, Held(transition, step.after.until))
        else:
            tx.delete(HELD, alarm.name)
        if step.act and transition is not None:
            self._actions.run(tx, alarm, Occasion(transition, now), around)

    def _value(self, tx: Transaction, name: str) -> State | None:
        state = tx.get(STATE, name)
        return None if state is None else state.value


def _in_history(state: AlarmState) -> dict[str, object]:
    out: dict[str, object] = {"stateValue": state.value, "stateReason": state.reason}
    if state.reason_data is not None:
        out["stateReasonData"] = json.loads(state.reason_data)
    return out
