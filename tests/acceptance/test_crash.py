"""kill -9 at random points under load: what was acknowledged is there, what was done is not done again."""

import json
import os
import random  # noqa: TID251  when to kill
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

# A fresh checkout shows it in a minute; WATCHPOST_KILLS=100 shows it at length.
KILLS = int(os.environ.get("WATCHPOST_KILLS", "12"))  # noqa: TID251  how long the test runs is the caller's choice
ALARMS = 5


class Load:
    """Clients that write as fast as they are answered, and remember what was acknowledged."""

    def __init__(self) -> None:
        self.data: Counter[str] = Counter()  # worker -> acknowledged data
        self.doubtful_data = 0
        self.events: set[str] = set()
        self.doubtful_events: set[str] = set()
        self.reasons: list[str] = []  # of acknowledged transitions
        self.doubtful_reasons: set[str] = set()
        self._number = 0

    def run(self, server: Any, until: Callable[[], bool]) -> None:
        threads = [
            threading.Thread(target=work, args=(server, until))
            for work in (self._put_data, self._put_data, self._put_events, self._flip_alarms)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _put_data(self, server: Any, until: Callable[[], bool]) -> None:
        cloudwatch, name = _client(server, "cloudwatch"), threading.current_thread().name
        while not until():
            try:
                cloudwatch.put_metric_data(
                    Namespace="Crash", MetricData=[{"MetricName": "n", "Value": 1.0, "Unit": "Count"}] * 20
                )
                self.data[name] += 20
            except (BotoCoreError, ClientError, OSError):
                self.doubtful_data += 20
                return

    def _put_events(self, server: Any, until: Callable[[], bool]) -> None:
        logs = _client(server, "logs")
        while not until():
            self._number += 1
            messages = {f"event {self._number}.{i}" for i in range(5)}
            now = int(time.time() * 1000)  # noqa: TID251  a client's own clock
            try:
                logs.put_log_events(
                    logGroupName="crash",
                    logStreamName="s",
                    logEvents=[{"timestamp": now, "message": message} for message in sorted(messages)],
                )
                self.events |= messages
            except (BotoCoreError, ClientError, OSError):
                self.doubtful_events |= messages
                return

    def _flip_alarms(self, server: Any, until: Callable[[], bool]) -> None:
        cloudwatch = _client(server, "cloudwatch")
        while not until():
            self._number += 1
            number, reason = self._number, f"flip {self._number}"
            try:
                # Neighbouring numbers of one alarm change its state every time: OK, ALARM, OK …
                for state in ("OK", "ALARM"):
                    reason = f"flip {number} {state}"
                    cloudwatch.set_alarm_state(AlarmName=f"a{number % ALARMS}", StateValue=state, StateReason=reason)
                    self.reasons.append(reason)
            except (BotoCoreError, ClientError, OSError):
                self.doubtful_reasons.add(reason)
                return


def _client(server: Any, service: str) -> Any:
    return server.client(service, retries={"max_attempts": 0, "mode": "standard"}, connect_timeout=2, read_timeout=10)


@pytest.fixture
def prepared(served: Callable[..., Any], inbox: Any) -> Any:
    """A server with a topic that posts to the inbox, and alarms on nothing that tell it of every change."""
    server = served()
    sns, cloudwatch, logs = (server.client(name) for name in ("sns", "cloudwatch", "logs"))
    topic = sns.create_topic(Name="crash")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url)
    inbox.wait_for(lambda requests: len(requests) == 1, 20)
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(inbox.requests[0][1])["Token"])
    logs.create_log_group(logGroupName="crash")
    logs.create_log_stream(logGroupName="crash", logStreamName="s")
    for i in range(ALARMS):
        cloudwatch.put_metric_alarm(
            AlarmName=f"a{i}",
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
    return server


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(prepared: Any, inbox: Any) -> None:
    server, load, chance = prepared, Load(), random.Random(7)
    for _ in range(KILLS):
        killer = threading.Timer(chance.uniform(0.05, 0.6), server.kill)
        killer.start()
        load.run(server, until=lambda: server.process.poll() is not None)
        killer.join()
        server.start()
    assert sum(load.data.values()) > 0
    assert load.events
    assert load.reasons
    _data_is_there(server, load)
    _events_are_there(server, load)
    _transitions_are_there(server, load)
    _nothing_was_delivered_twice(server, load, inbox)


def _data_is_there(server: Any, load: Load) -> None:
    now = datetime.now(UTC)  # noqa: TID251  a client's own clock
    answer = server.client("cloudwatch").get_metric_statistics(
        Namespace="Crash",
        MetricName="n",
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(minutes=2),
        Period=3600,
        Statistics=["Sum"],
    )
    kept, sure = sum(point["Sum"] for point in answer["Datapoints"]), sum(load.data.values())
    assert sure <= kept <= sure + load.doubtful_data


def _events_are_there(server: Any, load: Load) -> None:
    pages = server.client("logs").get_paginator("filter_log_events").paginate(logGroupName="crash")
    found = Counter(event["message"] for page in pages for event in page["events"])
    assert load.events <= set(found) <= load.events | load.doubtful_events
    assert max(found.values()) == 1


def _transitions_are_there(server: Any, load: Load) -> None:
    pages = server.client("cloudwatch").get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate")
    found = Counter(
        json.loads(item["HistoryData"])["newState"]["stateReason"]
        for page in pages
        for item in page["AlarmHistoryItems"]
    )
    told = {reason: n for reason, n in found.items() if reason.startswith("flip")}
    assert set(told) <= set(load.reasons) | load.doubtful_reasons
    assert [reason for reason in load.reasons if reason not in told and _changes(reason, load)] == []
    assert set(told.values()) <= {1}


def _changes(reason: str, load: Load) -> bool:
    """Whether a flip must have changed its alarm: the first state of a pair may have been there already."""
    return reason.endswith("ALARM")


def _nothing_was_delivered_twice(server: Any, load: Load, inbox: Any) -> None:
    last = next(reason for reason in reversed(load.reasons) if reason.endswith("ALARM"))
    inbox.wait_for(lambda requests: any(last.encode() in body for _, body in requests) or bool(_unknown(server)), 60)
    notes = [json.loads(body) for _, body in inbox.requests[1:]]
    reasons = Counter(json.loads(note["Message"])["NewStateReason"] for note in notes if note["Type"] == "Notification")
    assert max(reasons.values()) == 1
    ids = Counter(note["MessageId"] for note in notes)
    assert max(ids.values()) == 1
    assert set(reasons) <= set(load.reasons) | load.doubtful_reasons


def _unknown(server: Any) -> list[str]:
    """Deliveries whose outcome a kill left unknown; the server says so instead of trying again."""
    return []
