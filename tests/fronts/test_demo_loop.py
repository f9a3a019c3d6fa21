"""The whole loop as people run it: `watchpost demo`, shortened, then a server in the home folder that it leaves."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import StringIO
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from watchpost.errors import InputError
from watchpost.fronts.demo import run_demo
from watchpost.fronts.demo.hours import HOUR, Hours
from watchpost.fronts.demo.story import Plot, run_loop
from watchpost.service.clock import ManualClock, SystemClock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import MonitoringExecution
from watchpost.service.server import Server, open_server

COUNT = 3
inherited = os.environ  # noqa: TID251  a child needs its parent's environment
BIN = str(Path(sys.executable).parent)
PLAIN = {name: value for name, value in inherited.items() if not name.startswith(("AWS_", "WATCHPOST_"))}
PLAIN["PATH"] = f"{BIN}{os.pathsep}{PLAIN.get('PATH', '')}"


@dataclass
class Ran:
    """A demo that ran: what it printed, and its folder."""

    out: Path
    began: datetime
    told: str
    complained: str

    @cached_property
    def lines(self) -> list[str]:
        return self.told.splitlines()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    out, began = tmp_path_factory.mktemp("demo") / "out", SystemClock().now()
    command = [sys.executable, "-m", "watchpost", "demo", "-o", str(out), "--hours", str(COUNT), "--sales", "60"]
    done = subprocess.run(command, capture_output=True, text=True, env=PLAIN, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran(out, began, done.stdout, done.stderr)


@pytest.fixture
def left(ran: Ran) -> Iterator[Server]:
    """The server that the demo left, opened at the present and not begun."""
    with open_server(Configuration(ran.out / "home"), ManualClock(SystemClock().now())) as server:
        yield server


def executions(server: Server, schedule: str) -> list[MonitoringExecution]:
    """Of one schedule, by hour."""
    return server.monitoring.executions.all(f"resale-price-{schedule}")


def test_demo_says_nothing_on_stderr_and_draws_nothing_for_a_terminal(ran: Ran) -> None:
    assert ran.complained == ""
    assert "\x1b" not in ran.told


def test_every_line_of_the_story_stands_in_order_of_its_time(ran: Ran) -> None:
    times = [found[0] for line in ran.lines if (found := re.match(r"\d\d:\d\d(?=  )", line))]
    minutes = [int(time[:2]) * 60 + int(time[3:]) for time in times]
    since = [(minute - minutes[0]) % 1440 for minute in minutes]
    assert since == sorted(since)
    assert len(since) > COUNT * 2


def test_violations_begin_with_the_hour_of_the_fault(ran: Ran, left: Server) -> None:
    fault = Plot(COUNT, 60).market_turns
    for schedule in ("data", "quality", "bias", "explained"):
        found = executions(left, schedule)
        assert len(found) == COUNT
        assert {each.status for each in found[:fault]} == {"Completed"}
    assert [each.status for each in executions(left, "data")][fault:] == ["CompletedWithViolations"] * (COUNT - fault)


def test_the_broken_columns_are_in_alarm_and_no_other(ran: Ran, left: Server) -> None:
    states = {
        f"{feature} {kind}": left.alarms.reading.one(f"resale-price {feature} {kind}").state.value
        for feature in ("floor_area_sqm", "remaining_lease", "town", "flat_type", "storey_range", "flat_model")
        for kind in ("drift", "gaps")
    }
    assert {name for name, state in states.items() if state == "ALARM"} == {
        "floor_area_sqm drift",
        "remaining_lease gaps",
    }
    assert {state for name, state in states.items() if name.startswith(("town", "flat_type"))} == {"OK"}


def test_labels_raise_the_alarm_of_the_models_error(left: Server) -> None:
    assert left.alarms.reading.one("resale-price valuation error").state.value == "ALARM"


def test_the_letters_name_what_moved_and_are_shown(ran: Ran) -> None:
    letters = [letter.read_text() for letter in sorted((ran.out / "inbox").iterdir())]
    broken, drifted = sorted(letters, key=lambda text: "valuation error" in text)
    assert len(letters) == 2
    assert 'ALARM: "resale-price floor_area_sqm drift"' in broken
    assert 'ALARM: "resale-price remaining_lease gaps"' in broken
    assert 'ALARM: "resale-price valuation error"' in drifted
    assert "the model's valuations are worse than they were in training." in drifted
    for text in letters:
        assert all(f"| {line}" in ran.told for line in text.splitlines()[2:] if line)


def test_late_labels_restate_model_quality_and_confirm_the_damage(ran: Ran, left: Server) -> None:
    plot, found = Plot(COUNT, 60), executions(left, "quality")
    labelled = COUNT - plot.delay
    assert [each.revision for each in found] == [2] * labelled + [1] * plot.delay
    statuses = ["Completed" if number < plot.market_turns else "CompletedWithViolations" for number in range(labelled)]
    assert [each.status for each in found[:labelled]] == statuses
    assert [each.status for each in found[labelled:]] == ["Completed"] * plot.delay
    assert ran.told.count("no verdict yet. 3 of 60 predictions have a label so far.") == COUNT
    assert ran.told.count("worse than chance explains") == labelled - plot.market_turns


def test_the_pages_it_names_are_there(ran: Ran) -> None:
    pages = [Path(line.split()[-1]) for line in ran.lines if line.endswith("report.html")]
    assert len(pages) == 4
    assert all("<html" in page.read_text() for page in pages)


def test_its_hours_end_about_now_and_nothing_is_left_to_catch_up(ran: Ran, left: Server) -> None:
    last = executions(left, "data")[-1].scheduled
    assert timedelta() < ran.began - last < 2 * HOUR
    assert {each.status for each in left.monitoring.schedules.all()} == {"Stopped"}
    assert left.monitoring.tick(left.clock.now() + 24 * HOUR) == 0


def test_the_commands_it_prints_work(ran: Ran) -> None:
    if which("aws", path=PLAIN["PATH"]) is None:
        pytest.skip("the AWS CLI is not installed")
    words = ("watchpost env", "describe-alarms", "list-monitoring-executions", "invoke-endpoint")
    chosen = [line.strip() for word in words for line in ran.lines if line.startswith("  ") and word in line]
    assert len(chosen) == len(words)
    serve = [sys.executable, "-m", "watchpost", "serve", "--home", str(ran.out / "home"), "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=PLAIN) as process:
        try:
            assert process.stdout is not None
            assert " is running at " in process.stdout.readline()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(chosen)],
                capture_output=True, text=True, env=PLAIN, timeout=300, check=False,
            )  # fmt: skip
        finally:
            process.terminate()
            process.wait(60)
    assert done.returncode == 0, done.stderr
    assert "resale-price floor_area_sqm drift" in done.stdout
    assert done.stdout.count("CompletedWithViolations") > COUNT
    assert re.search(r"^\d{6}", done.stdout, re.MULTILINE)


def test_a_home_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("mine")
    with pytest.raises(InputError, match="no demo made it"):
        run_loop(tmp_path, Console(file=StringIO()), SystemClock().now(), Plot(COUNT, 60))
    assert (tmp_path / "home" / "precious").read_text() == "mine"


def test_without_the_server_it_says_what_to_install_and_checks_two_periods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    told = StringIO()
    run_demo(tmp_path, Console(file=told, width=100), SystemClock().now(), COUNT, 60)
    assert "missing: apprise" in told.getvalue()
    assert "pip install 'watchpost[server]'" in told.getvalue()
    assert (tmp_path / "report.html").exists()


@given(st.integers(3, 24), st.integers(40, 5000))
def test_something_is_healthy_first_then_wrong_and_its_labels_come_before_the_end(hours: int, sales: int) -> None:
    plot = Plot(hours, sales)
    assert 1 <= plot.market_turns <= plot.upstream_breaks < hours
    assert plot.delay >= 1
    assert plot.upstream_breaks + plot.delay == hours - 1


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year > 1), st.integers(3, 24))
def test_simulated_hours_are_whole_and_end_before_the_present(now: datetime, count: int) -> None:
    hours = Hours(now, count)
    assert (hours.end.minute, hours.end.second, hours.end.microsecond) == (0, 0, 0)
    assert hours.end - hours.start == count * HOUR
    assert timedelta(minutes=20) <= now - hours.end <= timedelta(minutes=80)
