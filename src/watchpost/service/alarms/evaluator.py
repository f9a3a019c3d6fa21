"""The evaluation loop: on time, by one server of several, and across stops without inventing or losing a transition.

One document says who evaluates, how far it came, and when some server was last alive. After a stop the ticks that were
missed while the server still took in data are evaluated late; the stop itself is kept as a stretch in which nothing
could be reported.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from time import perf_counter

from watchpost.alarms.records import State
from watchpost.alarms.ticks import BEAT, Pace, due, last_tick, next_tick
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.documents import (
    EVALUATOR,
    HELD,
    METRIC_ALARM,
    STATE,
    THE_EVALUATOR,
    WITHHELD,
    Evaluator,
)
from watchpost.service.alarms.evaluation import Evaluation, Found
from watchpost.service.alarms.roster import RosterKeeper
from watchpost.service.alarms.transitions import Transitions
from watchpost.service.clock import Clock
from watchpost.stores.sql.alarm_history import forget
from watchpost.stores.store import Store, Transaction
from watchpost.windows import Window

# A server that has not shown itself for three beats has lost its lease.
_LEASE = timedelta(seconds=3 * BEAT)
# Data of the last second of a period is still on its way when the period ends.
_ARRIVAL = timedelta(seconds=1)
# A machine that slept so much longer than asked was suspended: nothing could be reported to it.
_SUSPENDED = timedelta(seconds=60)
# Ticks that are caught up one by one; of older ones only the last of each pace.
_CAUGHT_UP = timedelta(hours=3)
# The longest alarm looks back a week and two periods of a day.
_STOPS_KEPT = timedelta(days=10)
_HISTORY_KEPT = timedelta(days=30)
# Transitions that share a transaction: many share its cost, and other writers do not wait long.
_TOGETHER = 200

_PACES: tuple[Pace, ...] = ("hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class _Moved:
    """What one transaction of transitions did: revisions of the states before and after, and the new states."""

    before: int
    after: int
    states: Mapping[str, State]
    count: int


class AlarmEvaluator:
    """Evaluates alarms tick by tick.

    Args: holder: this server's name, the same after a restart. evaluated: told after each cycle how many seconds it
    took and how many it began late.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        transitions: Transitions,
        evaluation: Evaluation,
        roster: RosterKeeper,
        dependants: Dependants,
        holder: str,
        evaluated: Callable[[float, float], None],
    ) -> None:
        self._store, self._clock, self._transitions = store, clock, transitions
        self._evaluation, self._roster, self._dependants = evaluation, roster, dependants
        self._holder, self._evaluated = holder, evaluated

    def run(self, stop: Event) -> None:
        """Evaluate on time until `stop` is set."""
        self.resume(self._clock.now())
        while not stop.is_set():
            self.tick(self._clock.now())
            wake = self._next(self._clock.now())
            if self._clock.wait(stop, (wake - self._clock.now()).total_seconds()):
                break
            if self._clock.now() - wake > _SUSPENDED:
                self.resume(self._clock.now())
        self._claim(self._clock.now())

    def resume(self, now: datetime) -> int:
        """Take up the evaluation after a stop that ends now; how many alarms changed their state."""
        known = self._store.read(lambda tx: tx.get(EVALUATOR, THE_EVALUATOR))
        others_were_alive = known is not None and known.holder != self._holder and known.until > now
        if known is None or others_were_alive or known.alive >= now:
            return 0
        stops = (*(stop for stop in known.stops if stop.end > now - _STOPS_KEPT), Window(known.alive, now))
        self._store.write(lambda tx: self._put(tx, now, known.ticked, stops))
        # The first ticks of the stop see what was reported just before it, whose periods had not ended by then.
        within = {*_first_ticks(known.alive, now), *_last_ticks(known.alive, now)}
        late = [*_ticks(known.ticked, known.alive), *sorted(within)]
        return self._evaluate(late, stops, now)

    def tick(self, now: datetime) -> int:
        """Do what is due by `now` and was not done yet; how many alarms changed their state.

        Does nothing while another server evaluates.
        """
        known = self._claim(now)
        if known is None:
            return 0
        far = now - _CAUGHT_UP
        late = [*_last_ticks(known.ticked, far), *_ticks(max(known.ticked, far), now)]
        moved = self._evaluate(late, known.stops, now)
        self._settle(now)
        return moved

    # --- the lease --------------------------------------------------------------------------------------------------

    def _claim(self, now: datetime) -> Evaluator | None:
        """The evaluator's document if this server may evaluate now, else None; either way a sign of life."""

        def work(tx: Transaction) -> Evaluator | None:
            known = tx.get(EVALUATOR, THE_EVALUATOR)
            if known is not None and known.holder != self._holder and known.until > now:
                tx.put(EVALUATOR, THE_EVALUATOR, replace(known, alive=max(known.alive, now)))
                return None
            # The first evaluation of all begins with the tick that is just past.
            ticked = last_tick(now) - timedelta(seconds=BEAT) if known is None else known.ticked
            return self._put(tx, now, ticked, () if known is None else known.stops)

        return self._store.write(work)

    def _put(self, tx: Transaction, now: datetime, ticked: datetime, stops: tuple[Window, ...]) -> Evaluator:
        mine = Evaluator(self._holder, now + _LEASE, now, ticked, stops)
        tx.put(EVALUATOR, THE_EVALUATOR, mine)
        return mine

    # --- ticks ------------------------------------------------------------------------------------------------------

    def _evaluate(self, ticks: Iterable[datetime], stops: Sequence[Window], now: datetime) -> int:
        moved, done = 0, None
        for tick in ticks:
            began = perf_counter()
            self._dependants.refresh()
            self._settle(tick)
            roster = self._roster.current()
            found = self._evaluation.of(roster, tick, stops)
            for start in range(0, len(found), _TOGETHER):
                moved += self._commit(found[start : start + _TOGETHER], tick)
            done = tick
            self._evaluated(perf_counter() - began, (self._clock.now() - tick).total_seconds())
            if int(tick.timestamp()) % 3600 == 0:
                self._store.write(lambda tx: forget(tx, now - _HISTORY_KEPT))
        if done is not None:
            last = done
            self._store.write(lambda tx: self._ticked(tx, last))
        return moved

    def _ticked(self, tx: Transaction, tick: datetime) -> None:
        known = tx.get(EVALUATOR, THE_EVALUATOR)
        if known is not None and known.holder == self._holder:
            tx.put(EVALUATOR, THE_EVALUATOR, replace(known, ticked=tick))

    def _commit(self, found: Sequence[Found], tick: datetime) -> int:
        """Carry out what was found, unless somebody else changed the alarm meanwhile: the next tick looks again."""

        def work(tx: Transaction) -> _Moved:
            before, states, count = tx.revision(STATE), {}, 0
            holder = tx.get(EVALUATOR, THE_EVALUATOR)
            if holder is None or holder.holder != self._holder:
                return _Moved(before, before, {}, 0)
            around = self._transitions.surroundings(tx)
            for each in found:
                state = tx.get(STATE, each.alarm.name)
                if state is None or state.value != each.before or tx.get(METRIC_ALARM, each.alarm.name) != each.alarm:
                    continue
                if tick < max(each.alarm.updated, state.updated):
                    continue  # A late evaluation of what somebody has changed since.
                if each.judgement is None:
                    tx.put(STATE, each.alarm.name, replace(state, trouble=each.trouble))
                    continue
                after = self._transitions.enter(tx, each.alarm, state, each.judgement, tick, around, tick)
                states[each.alarm.name] = after.value
                count += after.value != state.value
            return _Moved(before, tx.revision(STATE), states, count)

        moved = self._store.write(work)
        if all(each.judgement is not None for each in found):
            self._roster.moved(moved.before, moved.after, moved.states)
        return moved.count

    # --- suppressions and mutes -------------------------------------------------------------------------------------

    def _settle(self, now: datetime) -> None:
        def waits(tx: Transaction) -> bool:
            ended = any(held.until is not None and held.until <= now for _, held in tx.scan(HELD))
            return ended or bool(tx.scan(WITHHELD, limit=1))

        if self._store.read(waits):
            self._store.write(lambda tx: self._transitions.settle(tx, now))

    def _next(self, now: datetime) -> datetime:
        """When to wake: at the next tick, or when a wait or an extension ends before."""
        ends = self._store.read(lambda tx: [held.until for _, held in tx.scan(HELD) if held.until is not None])
        return min([next_tick(now) + _ARRIVAL, *(end for end in ends if end > now)])


def _ticks(after: datetime, until: datetime) -> list[datetime]:
    """Ticks after the one instant, up to and including the other."""
    ticks, tick = [], next_tick(after)
    while tick <= until:
        ticks.append(tick)
        tick = next_tick(tick)
    return ticks


def _first_ticks(after: datetime, until: datetime) -> list[datetime]:
    """Of the ticks in between the first of each pace but "hours", whose alarms look at days."""
    first = next_tick(after)
    ticks = first, first + timedelta(seconds=-int(first.timestamp()) % 60)
    return sorted({tick for tick in ticks if tick <= until})


def _last_ticks(after: datetime, until: datetime) -> list[datetime]:
    """Of the ticks in between the last of each pace, in order of time; of "hours" within the last hour."""
    found: set[datetime] = set()
    for pace in _PACES:
        tick = last_tick(until)
        while tick > after:
            if pace in due(tick):
                found.add(tick)
                break
            tick -= timedelta(seconds=BEAT)
    return sorted(found)
