"""Two servers on one PostgreSQL under load, one of them killed: the other goes on; nothing is lost or done twice."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .load import (
    Load,
    data_is_there,
    events_are_there,
    free_port,
    nothing_was_told_twice,
    prepare,
    state_changes,
    transitions_are_there,
)

SECONDS = 5.0
# A lease, two ticks, and as much again for a machine that is busy.
TAKEN_OVER = 100.0


def test_when_one_of_two_servers_is_killed_the_other_goes_on(
    served: Callable[..., Any], inbox: Any, tmp_path: Path, postgresql_url: str
) -> None:
    one = served("--port", free_port(), "--database", postgresql_url, home=tmp_path / "one")
    (tmp_path / "two").mkdir(mode=0o700)
    shutil.copy(tmp_path / "one" / "credentials", tmp_path / "two" / "credentials")
    topic = prepare(one, inbox, "one", "two")
    _watch(one, topic)
    _report(one, 1.0)
    inbox.wait_for(lambda requests: "OK" in _told(requests), 60)  # The first evaluates from now on.
    two = served("--port", free_port(), "--database", postgresql_url, home=tmp_path / "two")
    loads = Load(one, "one"), Load(two, "two")
    on_two = loads[1].begin()
    for _ in range(3):
        loads[0].run_until_killed(one.kill, SECONDS / 2)
        one.start()
    loads[0].run_until_killed(one.kill, SECONDS)
    loads[1].end()
    for thread in on_two:
        thread.join()
    assert loads[1].doubtful_data == 0  # Nobody who spoke to the second noticed.
    _report(two, 100.0, until=lambda: "ALARM" in _told(inbox.requests), seconds=TAKEN_OVER)
    one.start()  # It settles what it had begun, and does not evaluate what the other did.
    _report(one, 1.0, until=lambda: _told(inbox.requests)[-1] == "OK", seconds=60)
    assert _told(inbox.requests) == ["OK", "ALARM", "OK"]
    for server in (one, two):
        data_is_there(server, *loads)
        events_are_there(server, *loads)
        transitions_are_there(server, *loads)
    watched = [after["stateValue"] for (name, _), (_, after) in state_changes(two).items() if name == "watched"]
    assert watched == ["OK", "ALARM", "OK"]
    assert one.stop() == 0
    nothing_was_told_twice(two, inbox, postgresql_url, *loads)


def _watch(server: Any, topic: str) -> None:
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="watched",
        Namespace="Crash",
        MetricName="watched",
        Period=10,
        EvaluationPeriods=1,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Maximum",
        TreatMissingData="ignore",
        AlarmActions=[topic],
        OKActions=[topic],
    )


def _report(server: Any, value: float, until: Callable[[], bool] = lambda: True, seconds: float = 0.0) -> None:
    """Report the watched metric every second until something is so."""
    cloudwatch, end = server.client("cloudwatch"), time.monotonic() + seconds
    datum = {"MetricName": "watched", "Value": value, "StorageResolution": 1}
    cloudwatch.put_metric_data(Namespace="Crash", MetricData=[datum])
    while not until():
        assert time.monotonic() < end
        time.sleep(1)
        cloudwatch.put_metric_data(Namespace="Crash", MetricData=[datum])


def _told(requests: list[tuple[dict[str, str], bytes]]) -> list[str]:
    """The states of the watched alarm that the inbox was told of, in order."""
    notes = [json.loads(json.loads(body)["Message"]) for _, body in requests[1:]]
    return [note["NewStateValue"] for note in notes if note["AlarmName"] == "watched"]
