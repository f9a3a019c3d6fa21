"""Clients that write as fast as they are answered and remember what was acknowledged; and what must be there then."""

import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchpost.service.dead_letters import dead_letters
from watchpost.service.topics.documents import DELIVERY
from watchpost.stores.open import open_store
from watchpost.stores.sql.chain import verify

ALARMS = 5
GONE = (BotoCoreError, ClientError, OSError)


class Load:
    """The clients of one server; its alarms are those whose names begin with `name`."""

    def __init__(self, server: Any, name: str) -> None:
        self.name = name
        self.sure_data = self.doubtful_data = 0
        self.events: set[str] = set()
        self.doubtful_events: set[str] = set()
        self.reasons: list[str] = []  # of acknowledged changes of state, in order
        self.doubtful_reasons: set[str] = set()
        self._numbers = itertools.count(1)
        impatient = {"retries": {"max_attempts": 0, "mode": "standard"}, "connect_timeout": 2, "read_timeout": 20}
        self._cloudwatch, self._logs = server.client("cloudwatch", **impatient), server.client("logs", **impatient)
        self._under_way, self._enough = threading.Event(), threading.Event()

    def run_until_killed(self, kill: Callable[[], None], after: float) -> None:
        """Write until the server is killed, so many seconds after its first answer."""
        threads = self.begin()
        killer = threading.Timer(after, kill)
        killer.start()
        for thread in (killer, *threads):
            thread.join()

    def begin(self) -> list[threading.Thread]:
        """Write until `end`, or until the server refuses; returns after its first answer."""
        self._under_way.clear()
        self._enough.clear()
        work = (self._put_data, self._put_data, self._put_events, self._flip_alarms)
        threads = [threading.Thread(target=self._until_refused, args=(step,)) for step in work]
        for thread in threads:
            thread.start()
        assert self._under_way.wait(60)
        return threads

    def end(self) -> None:
        """Let the clients stop after their next answer."""
        self._enough.set()

    def _until_refused(self, step: Callable[[], bool]) -> None:
        while not self._enough.is_set() and step():
            self._under_way.set()

    def _put_data(self) -> bool:
        data = [{"MetricName": "n", "Value": 1.0, "Unit": "Count"}] * 20
        try:
            self._cloudwatch.put_metric_data(Namespace="Crash", MetricData=data)
        except GONE:
            self.doubtful_data += len(data)
            return False
        self.sure_data += len(data)
        return True

    def _put_events(self) -> bool:
        number = next(self._numbers)
        messages = [f"event {self.name} {number}.{i}" for i in range(5)]
        now = int(time.time() * 1000)  # noqa: TID251  a client's own clock
        events = [{"timestamp": now, "message": message} for message in messages]
        try:
            self._logs.put_log_events(logGroupName="crash", logStreamName="s", logEvents=events)
        except GONE:
            self.doubtful_events.update(messages)
            return False
        self.events.update(messages)
        return True

    def _flip_alarms(self) -> bool:
        number = next(self._numbers)
        # The second of the two always changes the state; the first may find it as it is.
        for state in ("OK", "ALARM"):
            reason = f"flip {self.name} {number} {state}"
            alarm = f"{self.name}{number % ALARMS}"
            try:
                self._cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=reason)
            except GONE:
                self.doubtful_reasons.add(reason)
                return False
            self.reasons.append(reason)
        return True


def free_port() -> str:
    """A port that is free now: the same after every restart, so that clients need not be made anew."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def prepare(server: Any, inbox: Any, *names: str) -> str:
    """A topic that posts to the inbox, and for each load alarms on nothing that tell it of every change; its ARN."""
    sns, cloudwatch, logs = (server.client(service) for service in ("sns", "cloudwatch", "logs"))
    topic: str = sns.create_topic(Name="crash")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url)
    inbox.wait_for(lambda requests: len(requests) == 1, 20)
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(inbox.requests[0][1])["Token"])
    logs.create_log_group(logGroupName="crash")
    logs.create_log_stream(logGroupName="crash", logStreamName="s")
    for name in (f"{load}{i}" for load in names for i in range(ALARMS)):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Crash",
            MetricName="nothing",
            Period=86400,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
            TreatMissingData="ignore",
            AlarmActions=[topic],
            OKActions=[topic],
        )
    return topic


def data_is_there(server: Any, *loads: Load) -> None:
    """Every acknowledged datum counts once; one whose answer never came counts once or not at all."""
    now = datetime.now(UTC)  # noqa: TID251  a client's own clock
    answer = server.client("cloudwatch").get_metric_statistics(
        Namespace="Crash",
        MetricName="n",
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(minutes=2),
        Period=3600,
        Statistics=["Sum"],
    )
    kept = sum(point["Sum"] for point in answer["Datapoints"])
    sure = sum(load.sure_data for load in loads)
    assert 0 < sure <= kept <= sure + sum(load.doubtful_data for load in loads)


def events_are_there(server: Any, *loads: Load) -> None:
    """Every acknowledged log event is found once."""
    pages = server.client("logs").get_paginator("filter_log_events").paginate(logGroupName="crash")
    found = Counter(event["message"] for page in pages for event in page["events"])
    sure = set[str]().union(*(load.events for load in loads))
    assert sure
    assert sure <= set(found) <= sure.union(*(load.doubtful_events for load in loads))
    assert max(found.values()) == 1


def transitions_are_there(server: Any, *loads: Load) -> None:
    """Every acknowledged change of state is one line of the history, and each line follows from the line before."""
    items = state_changes(server)
    told = Counter(after["stateReason"] for _, after in items.values() if after["stateReason"].startswith("flip"))
    acknowledged = [reason for load in loads for reason in load.reasons]
    assert set(told) <= set(acknowledged).union(*(load.doubtful_reasons for load in loads))
    assert [reason for reason in acknowledged if reason.endswith("ALARM") and reason not in told] == []
    assert set(told.values()) == {1}


def state_changes(server: Any) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]]:
    """(old state, new state) of every line of the history by (alarm, number), having checked that they form chains."""
    cloudwatch = server.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )
    found: dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]] = {}
    last: dict[str, tuple[int, str]] = {}
    for item in (item for page in pages for item in page["AlarmHistoryItems"]):
        change = json.loads(item["HistoryData"])
        before, after = change["oldState"], change["newState"]
        number, state = last.get(item["AlarmName"], (0, before["stateValue"]))
        assert before["stateValue"] == state, item
        found[item["AlarmName"], number + 1] = (before, after)
        last[item["AlarmName"]] = (number + 1, after["stateValue"])
    return found


def nothing_was_told_twice(server: Any, inbox: Any, database: str, *loads: Load) -> None:
    """Every acknowledged change was told once, or its delivery was cut off by a kill and is a dead letter, "unknown".

    Stops the server.
    """
    cloudwatch, alarm = server.client("cloudwatch"), f"{loads[0].name}0"
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="INSUFFICIENT_DATA", StateReason="the end")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="the very end")
    # Tasks are taken in order: when the last one is done, all others were begun.
    inbox.wait_for(lambda requests: any(b"the very end" in body for _, body in requests), 60)
    assert server.stop() == 0
    notes = [json.loads(body) for _, body in inbox.requests[1:]]
    assert max(Counter(note["MessageId"] for note in notes).values()) == 1
    reasons = Counter(json.loads(note["Message"])["NewStateReason"] for note in notes)
    assert max(reasons.values()) == 1
    acknowledged = {reason for load in loads for reason in load.reasons}
    arrived = {reason for reason in reasons if reason.startswith("flip")}
    assert arrived <= acknowledged.union(*(load.doubtful_reasons for load in loads))
    cut_off = interrupted(database)
    assert {reason for reason in acknowledged if reason.endswith("ALARM")} - arrived <= set(cut_off)
    assert max(cut_off.values(), default=1) == 1


def interrupted(database: str) -> Counter[str]:
    """Reasons of the changes whose delivery is a dead letter, having checked queue, dead letters and journal."""
    with closing(open_store(database)) as store:
        letters = store.read(lambda tx: [letter for _, letter in dead_letters(tx, limit=100_000)])
        lines = store.read(lambda tx: tx.journal(kinds=("dead-letter",), limit=100_000))
        assert not any(queue.startswith("deliver") for queue in store.read(lambda tx: tx.waiting()))
        assert verify(store) is None
    assert {(letter.outcome, letter.attempts) for letter in letters} <= {("unknown", 1)}
    noted = Counter((line.entry.data["queue"], line.entry.data["task"]) for line in lines)
    assert noted == Counter((letter.queue, letter.task) for letter in letters)
    bodies = [DELIVERY.decode(letter.body).message.body for letter in letters]
    return Counter(json.loads(body)["NewStateReason"] for body in bodies)
