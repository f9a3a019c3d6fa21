"""From a breach to the alarm's page by the link in the letter: real server, real mail, real browser, and a kill -9."""

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchpost.service.clock import SystemClock

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def page():
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright, not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"browser tests need {CHROMIUM}, not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


def free_port() -> str:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_the_link_in_the_letter_leads_to_the_cause_also_after_a_kill(
    served: Callable[..., Any], mailbox: Any, tmp_path: Path, page: Any
) -> None:
    home, port = tmp_path / "home", free_port()
    home.mkdir(mode=0o700)
    (home / "channels.toml").write_text(mailbox.settings)
    server = served("--port", port, home=home)
    alarms, sns = server.client("cloudwatch"), server.client("sns")
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
    letter = mailbox.wait_for(lambda letter: "Confirmation" in letter["Subject"], 30)
    urllib.request.urlopen(mailbox.link(letter, "ConfirmSubscription")).close()
    alarms.put_metric_alarm(
        AlarmName="shop/latency",
        Namespace="shop",
        MetricName="latency",
        Statistic="Average",
        Period=10,
        EvaluationPeriods=1,
        Threshold=200.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
        AlarmActions=[topic],
    )
    now = SystemClock().now()
    datum = {"MetricName": "latency", "Timestamp": now, "Value": 280.0, "StorageResolution": 1}
    alarms.put_metric_data(Namespace="shop", MetricData=[datum])
    letter = mailbox.wait_for(lambda letter: "shop/latency" in letter["Subject"], 60)
    link = re.search(r"Details: (\S+)", mailbox.text(letter))
    assert link is not None

    assert page.goto(link[1]).status == 401
    done = subprocess.run(
        [sys.executable, "-m", "watchpost", "sign-in", "--home", str(home)], capture_output=True, text=True, check=True
    )
    page.goto(done.stdout.strip())
    assert page.url == link[1]
    assert page.get_by_role("heading", level=1).inner_text() == "shop/latency is in ALARM"
    assert "Average of latency was 280 at" in page.locator(".cause").inner_text()
    # The delivery is noted a moment after the letter is out.
    until = time.monotonic() + 30
    while "delivered by email to oncall@example.com" not in page.content() and time.monotonic() < until:
        page.reload()
    assert "delivered by email to" in page.content()

    server.kill()
    server.start()
    assert page.goto(link[1]).status == 200
    assert page.get_by_role("heading", level=1).inner_text() == "shop/latency is in ALARM"
    assert page.goto(done.stdout.strip()).url == link[1]  # a used link: this browser is signed in already
