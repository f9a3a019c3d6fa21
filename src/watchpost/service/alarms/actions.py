"""What an alarm does when it enters a state: its actions, withheld by mute rules or performed at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watchpost.alarms.notification import message, readable, subject
from watchpost.alarms.reasons import timestamp
from watchpost.alarms.records import Alarm, CompositeAlarm, MuteRule, Transition
from watchpost.errors import Refused
from watchpost.service.alarms.compositions import Surroundings
from watchpost.service.alarms.documents import COMPOSITE_ALARM, METRIC_ALARM, STATE, WITHHELD, Withheld
from watchpost.stores.sql.alarm_history import HistoryItem, add
from watchpost.stores.store import Entry, Transaction

ACTOR = "alarms"
# DescribeAlarmHistory may answer at most so much of an item's data and summary.
LONGEST_DATA, LONGEST_SUMMARY = 4095, 255


class Publisher(Protocol):
    """What actions need of topics."""

    def publish(
        self,
        tx: Transaction,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, object] = ...,
        *,
        now: datetime,
        readable: str | None = None,
    ) -> str:
        """Publish in the caller's transaction. Raises: Refused: there is no such topic."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why actions run: a transition, the instant, and whether a mute window kept them back until then."""

    transition: Transition
    now: datetime
    after_mute_window: bool = False


class Actions:
    """Performs the actions of alarms. `base_url` begins the links in messages for people."""

    def __init__(self, topics: Publisher, base_url: str) -> None:
        self._topics, self._base_url = topics, base_url

    def run(self, tx: Transaction, alarm: Alarm, occasion: Occasion, around: Surroundings) -> None:
        """Perform the actions for the state that was entered, or withhold them while the alarm is muted."""
        arns = alarm.actions.of(occasion.transition.after.value)
        if not alarm.actions.enabled:
            return
        mute = around.muted_by(alarm.name, occasion.now)
        if mute is not None:
            self._withhold(tx, alarm, occasion, mute[0])
            return
        if around.may_be_muted(alarm.name):
            tx.delete(WITHHELD, alarm.name)
        for arn in arns:
            self._perform(tx, alarm, arn, occasion)

    def release(self, tx: Transaction, now: datetime, around: Surroundings) -> None:
        """Perform what was withheld from alarms that no rule mutes any more.

        An alarm that is back in the state it had before the mute has nothing to tell: nobody knew that it had left.
        """
        for name, withheld in tx.scan(WITHHELD):
            if around.muted_by(name, now) is not None:
                continue
            tx.delete(WITHHELD, name)
            alarm, state = alarm_of(tx, name), tx.get(STATE, name)
            if alarm is None or state is None or state.value == withheld.known or not alarm.actions.enabled:
                continue
            if state.value == withheld.transition.after.value:
                occasion = Occasion(withheld.transition, now, after_mute_window=True)
                for arn in alarm.actions.of(state.value):
                    self._perform(tx, alarm, arn, occasion)

    def _withhold(self, tx: Transaction, alarm: Alarm, occasion: Occasion, rule: MuteRule) -> None:
        earlier = tx.get(WITHHELD, alarm.name)
        known = occasion.transition.before.value if earlier is None else earlier.known
        tx.put(WITHHELD, alarm.name, Withheld(occasion.transition, known))
        summary = f"Actions for {occasion.transition.after.value} withheld by mute rule {rule.name}"
        note(tx, alarm, occasion.now, "Action", summary, {"version": "1.0", "mutedByArn": rule.arn})

    def _perform(self, tx: Transaction, alarm: Alarm, arn: str, occasion: Occasion) -> None:
        transition = occasion.transition
        late = occasion.after_mute_window
        body = message(alarm, transition, after_mute_window=late)
        text = readable(alarm, transition, self._base_url, after_mute_window=late)
        failure = None
        if arn.split(":")[2:3] == ["sns"]:
            try:
                self._topics.publish(tx, arn, body, subject(alarm, transition), now=occasion.now, readable=text)
            except Refused as refusal:
                failure = str(refusal) or "the topic does not exist"
        else:
            failure = "this server performs SNS actions only; a rule on alarm events can reach other targets"
        data: dict[str, object] = {
            "actionState": "Succeeded" if failure is None else "Failed",
            "stateUpdateTimestamp": int(transition.after.updated.timestamp() * 1000),
            "notificationResource": arn,
            "version": "1.0",
        }
        if failure is not None:
            data["error"] = failure
        elif len(body) < LONGEST_DATA // 3:
            data["publishedMessage"] = body
        tx.record(Entry(occasion.now, "alarm.action", alarm.arn, ACTOR, {**data, "state": transition.after.value}))
        summary = f"Successfully executed action {arn}" if failure is None else f"Failed to execute action {arn}"
        note(tx, alarm, occasion.now, "Action", summary, data)


def alarm_of(tx: Transaction, name: str) -> Alarm | None:
    """The alarm of that name, whichever kind it is."""
    return tx.get(METRIC_ALARM, name) or tx.get(COMPOSITE_ALARM, name)


def note(tx: Transaction, alarm: Alarm, at: datetime, item: str, summary: str, data: Mapping[str, object]) -> None:
    """Append a line to the alarm's history; data that is too long is left out but for its version."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LONGEST_DATA:
        text = json.dumps({"version": "1.0", "truncated": True, "at": timestamp(at)})
    kind = "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"
    add(tx, HistoryItem(alarm.name, kind, at, item, summary[:LONGEST_SUMMARY], text))
