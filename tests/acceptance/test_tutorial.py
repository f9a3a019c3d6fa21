"""Tutorials, as they are printed, against the real server: only the environment points elsewhere."""

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TUTORIAL = Path(__file__).parent / "tutorial"


@pytest.fixture
def server(served: Callable[..., Any], mailbox: Any, tmp_path: Path) -> Any:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "channels.toml").write_text(mailbox.settings)
    return served(home=home)


def test_a_breach_arrives_as_a_letter_that_names_the_cause(server: Any, mailbox: Any) -> None:
    said = json.loads(server.run(sys.executable, str(TUTORIAL / "metrics_and_alarm.py")))
    assert said["samples"] == 12 * 10
    confirmation = mailbox.wait_for(lambda letter: "Confirmation" in (letter["Subject"] or ""), 20)
    with urllib.request.urlopen(mailbox.link(confirmation, "ConfirmSubscription")) as answer:
        assert answer.status == 200
    alarms = server.client("cloudwatch")
    # Nobody was subscribed when the alarm was made, so its first message may have gone to nobody: ask for it again.
    alarms.set_alarm_state(AlarmName="model-accuracy-low", StateValue="OK", StateReason="the team is subscribed now")
    letter = mailbox.wait_for(lambda letter: "ALARM" in (letter["Subject"] or ""), 90)
    text = mailbox.text(letter)
    assert "model-accuracy-low" in text
    assert "71.5" in text
    assert "/alarms/model-accuracy-low" in text
    state = alarms.describe_alarms(AlarmNames=["model-accuracy-low"])["MetricAlarms"][0]
    assert state["StateValue"] == "ALARM"
    assert state["Unit"] == "Percent"
    assert state["TreatMissingData"] == "notBreaching"
    history = alarms.describe_alarm_history(AlarmName="model-accuracy-low", HistoryItemType="Action")
    assert said["topic"] in history["AlarmHistoryItems"][0]["HistorySummary"]


def test_a_p99_latency_alarm_is_made_and_seen_from_the_command_line(server: Any) -> None:
    shown = json.loads(server.run("bash", str(TUTORIAL / "latency_alarm.sh")))
    assert shown == ["model-latency-p99", "p99", 500000.0, "Microseconds"]


def test_logs_become_a_metric_and_answer_a_query(server: Any) -> None:
    said = json.loads(server.run(sys.executable, str(TUTORIAL / "logs.py")))
    assert said == {"confident": 2, "rows": [{"model": "v2", "low": "5", "mean": "0.2"}]}
    metrics = server.client("cloudwatch").list_metrics(Namespace="MLModels/Production")["Metrics"]
    assert [m["MetricName"] for m in metrics] == ["LowConfidence"]
