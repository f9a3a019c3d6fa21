"""Background loops: watched, begun again when they fail, stopped in good time; and what the health says of them."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import structlog

from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.health import HealthCheck
from watchpost.service.lifecycle import Loop, StopSign
from watchpost.service.pulse import Pulse
from watchpost.service.self_metrics import SelfMetrics
from watchpost.service.server import open_server
from watchpost.stores.store import Store


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_a_loop_runs_until_it_is_told_to_stop() -> None:
    began = Event()

    def run(stop: Event) -> None:
        began.set()
        stop.wait(30)

    loop = Loop("evaluation", run, print)
    loop.start()
    assert began.wait(5)
    assert loop.state.beating
    loop.stop()
    assert loop.join(5)
    assert not loop.state.beating


def test_a_loop_that_fails_is_told_counted_and_begun_again(logged: list[structlog.typing.EventDict]) -> None:
    again, failed = Event(), list[str]()

    def run(stop: Event) -> None:
        if not failed:
            raise ZeroDivisionError("oops")
        again.set()
        stop.wait(30)

    loop = Loop("evaluation", run, failed.append, pause_seconds=0.0)
    loop.start()
    assert again.wait(10)
    assert (loop.state.failures, loop.state.last, failed) == (1, "ZeroDivisionError: oops", ["evaluation"])
    assert [line["event"] for line in logged] == ["loop failed"]
    loop.stop()
    assert loop.join(5)


def test_a_loop_that_fails_can_be_stopped_while_it_pauses(logged: list[structlog.typing.EventDict]) -> None:
    failed = Event()
    loop = Loop("evaluation", lambda _: 1 // 0 and None, lambda _: failed.set(), pause_seconds=600.0)
    loop.start()
    assert failed.wait(5)
    loop.stop()
    assert loop.join(5)


def test_a_loop_that_was_never_started_can_be_stopped() -> None:
    loop = Loop("evaluation", lambda _: None, print)
    loop.stop()
    assert loop.join(0)


def test_a_stop_sign_notes_when_it_is_looked_at() -> None:
    now = [0.0]
    sign = StopSign(lambda: now[0])
    now[0] = 119.0
    assert not sign.late
    now[0] = 121.0
    assert sign.late
    assert not sign.is_set()
    assert not sign.late


def test_a_loop_that_waits_as_long_as_it_said_is_not_late() -> None:
    now = [0.0]
    sign = StopSign(lambda: now[0])
    sign.expect(3600.0)
    now[0] = 3600.0 + 119.0
    assert not sign.late
    now[0] = 3600.0 + 121.0
    assert sign.late


def test_health_is_good_while_the_store_takes_writes(store: Store, clock: ManualClock) -> None:
    check = HealthCheck(store, clock, "me")
    assert check.health(()).ok
    store.close()
    assert check.health(()).ok, "the answer is kept for a few seconds"
    clock.advance(5)
    health = check.health(())
    assert not health.ok
    assert "is closed" in (health.store or "")


def test_health_is_bad_while_a_loop_does_not_run(store: Store, clock: ManualClock) -> None:
    loop = Loop("evaluation", lambda _: None, print)
    assert not HealthCheck(store, clock, "me").health((loop.state,)).ok


def test_figures_are_in_prometheus_text_and_named_for_us() -> None:
    figures = SelfMetrics()
    figures.request("sts", "GetCallerIdentity", 200, 0.002)
    figures.ingested("metric_data", 1000)
    figures.rejected("metric_data", "too_old", 3)
    figures.committed(20, 0.004)
    figures.evaluated(0.003, 0.1)
    figures.delivered("deliveries", "done")
    figures.restarted("evaluation")
    figures.watch("watchpost_queue_tasks", "Tasks in a work queue", "queue", lambda: {"deliveries": 4})
    lines = figures.exposition().decode().splitlines()
    assert 'watchpost_requests_total{operation="GetCallerIdentity",service="sts",status="200"} 1.0' in lines
    assert 'watchpost_ingested_total{what="metric_data"} 1000.0' in lines
    assert 'watchpost_rejected_total{reason="too_old",what="metric_data"} 3.0' in lines
    assert 'watchpost_queue_tasks{queue="deliveries"} 4.0' in lines
    assert "watchpost_commit_works_sum 20.0" in lines
    assert [line for line in lines if not line.startswith(("#", "watchpost_"))] == []


def test_a_server_opens_closes_and_opens_again_in_the_same_home(tmp_path: Path, clock: ManualClock) -> None:
    configuration = Configuration(tmp_path / "home")
    with open_server(configuration, clock) as server:
        name, keys = server.name, server.credentials.pair()
        server.start()
        assert server.health().ok
        assert b"watchpost_commit_works_count" in server.self_metrics.exposition()
    with open_server(configuration, clock) as server:
        assert (server.name, server.credentials.pair()) == (name, keys)


def test_a_start_after_a_crash_is_told_from_one_after_a_good_stop(tmp_path: Path, clock: ManualClock) -> None:
    def kinds() -> list[tuple[str, object]]:
        with open_server(Configuration(tmp_path / "home"), clock) as server:
            lines = server.store.read(lambda tx: tx.journal(kinds=("server.started", "server.stopped")))
            return [(line.entry.kind, line.entry.data.get("cut_off_after")) for line in reversed(lines)]

    with open_server(Configuration(tmp_path / "home"), clock) as server:
        server.start()
    assert kinds() == [("server.started", None), ("server.stopped", None)]
    server = open_server(Configuration(tmp_path / "home"), clock)
    server.pulse.begin({})
    server.store.close()
    clock.advance(60)
    with open_server(Configuration(tmp_path / "home"), clock) as server:
        server.start()
    assert kinds()[3] == ("server.started", "2026-07-01T12:00:00Z")


def test_what_a_dead_server_held_is_settled_by_another_after_ten_minutes(store: Store, clock: ManualClock) -> None:
    settled: list[str] = []

    def pulse(name: str) -> Pulse:
        return Pulse(store, clock, name, lambda gone: settled.append(gone) or 3)  # type: ignore[func-returns-value]

    me, other = pulse("me"), pulse("other")
    me.begin({})
    other.begin({})
    assert me.step(clock.advance(600)) == 0
    assert me.step(clock.advance(1)) == 3
    assert me.step(clock.advance(60)) == 0
    assert settled == ["other"]
    gone = store.read(lambda tx: tx.journal(kinds=("server.gone",)))
    assert [(line.entry.subject, line.entry.actor, line.entry.data["tasks"]) for line in gone] == [("other", "me", 3)]
