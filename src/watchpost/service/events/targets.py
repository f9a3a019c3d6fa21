"""Invocations of targets: what the worker does with the tasks that matched events became."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from watchpost.errors import Misconfigured, Refused
from watchpost.events.destinations import Request, request, webhook
from watchpost.events.envelope import Event
from watchpost.events.inputs import Arrival, selected, transformed
from watchpost.events.retries import next_attempt
from watchpost.events.rules import HttpParameters, RetryPolicy, Target, bus_name, kind_of, log_group
from watchpost.service.events.connections import API_DESTINATION, connection_key, destination_key
from watchpost.service.events.documents import (
    BUS,
    INVOCATION,
    INVOKE,
    PASS_ON,
    Invocation,
    PublishesMessages,
    PutLogEvents,
)
from watchpost.service.events.kept_connections import CONNECTION, opened
from watchpost.service.events.routing import EventRouting
from watchpost.service.sealing import SecretKey
from watchpost.service.worker import Done, GiveUp, Interrupted, Outcome, Performer, Retry
from watchpost.stores.store import Store, Task, Transaction

MOST_HOPS = 5
"""How many buses may hand one event on; more is a circle of rules."""

_TIMEOUT_SECONDS = 5.0
# EventBridge tries these again; every other answer of a server is its last word.
_PASSING = frozenset({401, 407, 409, 429})


class EventTargets:
    """Does what a rule says with what it matched.

    Args: key: what secrets of connections are sealed with. jitter: a number in [0, 1). `put_log` stores log events;
    None until the composition has a log store.
    """

    def __init__(
        self,
        store: Store,
        topics: PublishesMessages,
        routing: EventRouting,
        key: SecretKey,
        jitter: Callable[[], float],
        http: PoolManager | None = None,
    ) -> None:
        self._store, self._topics, self._routing, self._key, self._jitter = store, topics, routing, key, jitter
        self._http = http or PoolManager(maxsize=8)
        self.put_log: PutLogEvents | None = None

    def performers(self) -> dict[str, Performer]:
        """What does the tasks of each queue."""
        return {PASS_ON: self.pass_on, INVOKE: self.invoke}

    def interrupted(self) -> dict[str, Interrupted]:
        """Whom an interrupted task was for: the rule."""
        return {INVOKE: lambda _tx, task, _now: INVOCATION.decode(task.body).rule_arn}

    def pass_on(self, task: Task, now: datetime) -> Outcome:
        """Hand an event to a topic or another bus: written when the task is settled, so exactly once."""
        invocation = INVOCATION.decode(task.body)
        arn = invocation.target.arn
        if kind_of(arn) == "sns":
            if not self._store.read(lambda tx: self._topics.exists(tx, arn)):
                return GiveUp(f"the topic {arn} does not exist", invocation.rule_arn)
            text = _input(invocation)
            return Done(lambda tx: _sent(self._topics.publish(tx, arn, text, now=now)))
        bus = bus_name(arn)
        if bus != "default" and self._store.read(lambda tx: tx.get(BUS, bus)) is None:
            return GiveUp(f"the event bus {arn} does not exist", invocation.rule_arn)
        if invocation.hops >= MOST_HOPS:
            return GiveUp(f"more than {MOST_HOPS} buses handed it on: the rules form a circle", invocation.rule_arn)
        event, hops = Event.from_json(invocation.event), invocation.hops + 1
        return Done(lambda tx: _sent(self._routing.publish(tx, event, now, bus, hops)))

    def invoke(self, task: Task, now: datetime) -> Outcome:
        """Hand an event to a log group or over HTTP."""
        invocation = INVOCATION.decode(task.body)
        target = invocation.target
        try:
            if kind_of(target.arn) == "logs":
                return self._log(invocation, now)
            prepared = self._request(target, _input(invocation))
        except (Refused, Misconfigured, ValueError) as problem:
            return GiveUp(str(problem), invocation.rule_arn)
        return self._send(prepared, task, invocation, now)

    def _log(self, invocation: Invocation, now: datetime) -> Outcome:
        if self.put_log is None:
            return GiveUp("this server keeps no logs", invocation.rule_arn)
        group = log_group(invocation.target.arn)
        event = Event.from_json(invocation.event)
        at, message = _log_event(_input(invocation), int(event.time.timestamp() * 1000))
        if not self.put_log(group, invocation.rule_name, [(at, message)], now, True).number:
            return GiveUp(f"the log group {group} takes no event as old or as new as this one", invocation.rule_arn)
        return Done()

    def _request(self, target: Target, body: str) -> Request:
        if kind_of(target.arn) == "webhook":
            return webhook(target.arn, body)
        return self._store.read(partial(_request_of, target, body, self._key))

    def _send(self, prepared: Request, task: Task, invocation: Invocation, now: datetime) -> Outcome:
        try:
            answer = self._http.request(
                prepared.method,
                prepared.url,
                body=prepared.body if prepared.method not in {"GET", "HEAD"} else None,
                headers={"user-agent": "Watchpost/Events", **dict(prepared.headers)},
                timeout=_TIMEOUT_SECONDS,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            status, wait = answer.status, answer.headers.get("retry-after", "")
            answer.close()
        except (HTTPError, OSError, UnicodeError) as problem:
            return self._again(task, invocation, now, f"{type(problem).__name__}: {problem}", None)
        if 200 <= status < 300:
            return Done()
        why = f"{prepared.method} answered {status}"
        if status not in _PASSING and status < 500:
            return GiveUp(why, invocation.rule_arn)
        return self._again(task, invocation, now, why, timedelta(seconds=int(wait)) if wait.isdigit() else None)

    def _again(self, task: Task, invocation: Invocation, now: datetime, why: str, asked: timedelta | None) -> Outcome:
        policy = invocation.target.retry or RetryPolicy()
        at = next_attempt(policy, task.attempts + 1, invocation.ingested, now, self._jitter(), asked)
        return GiveUp(why, invocation.rule_arn) if at is None else Retry(at, why)


def _sent(_: object) -> None:
    """What was sent is of no further interest."""


def _input(invocation: Invocation) -> str:
    """What the target is given."""
    target = invocation.target
    if target.constant is not None:
        return target.constant
    if target.path is not None:
        return selected(target.path, Event.from_json(invocation.event))
    if target.transformer is not None:
        event = Event.from_json(invocation.event)
        arrival = Arrival(event, invocation.rule_arn, invocation.rule_name, invocation.ingested)
        return transformed(target.transformer, arrival)
    return invocation.event


def _log_event(text: str, at: int) -> tuple[int, str]:
    """The log event an input names: `{"timestamp": …, "message": …}` as EventBridge wants it, or the input itself."""
    try:
        given = msgspec.json.decode(text, type=_LogInput)
    except msgspec.DecodeError:
        return at, text
    return (at if given.timestamp is None else given.timestamp), given.message


class _LogInput(msgspec.Struct, forbid_unknown_fields=True):
    message: str
    timestamp: int | None = None


def _request_of(target: Target, body: str, key: SecretKey, tx: Transaction) -> Request:
    destination = tx.get(API_DESTINATION, destination_key(target.arn))
    if destination is None or destination.arn != target.arn:
        raise ValueError(f"the API destination {target.arn} does not exist")
    stored = tx.get(CONNECTION, connection_key(destination.connection))
    if stored is None or not stored.connection.live:
        raise ValueError(f"the connection {destination.connection} does not exist or is deauthorised")
    return request(destination, opened(stored, key), target.http or HttpParameters(), body)
