"""Adaptive schedules: more often while something is wrong, less when all is quiet; every moment is judged once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.service.clock import ManualClock
from watchpost.service.monitoring.adaptive import Adaptive, Covered, NextWindow, next_window
from watchpost.service.monitoring.documents import ExecutionStatus, Members
from watchpost.service.monitoring.job import times_of
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.runs import Asked
from watchpost.stores.store import Store
from watchpost.windows import Window

from .monitored import HOUR, Servers, World, definition, full_lake, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Finished("Completed", "Completed: Job completed successfully with no violations.")
WRONG = Finished("Completed", "CompletedWithViolations: Job completed successfully with 2 violations.")
ADAPTS: Members = {"Environment": {"watchpost_data_ready_after": "PT0S", "watchpost_adaptive": "PT15M/PT6H"}}


def adaptive(shortest: int = 15, longest: int = 360, lag: int = 0, expression: str = "cron(0 * ? * * *)") -> Adaptive:
    times = times_of({"ScheduleConfig": {"ScheduleExpression": expression}}, "s")
    return Adaptive(shortest * MINUTE, longest * MINUTE, times, lag * MINUTE)


def following(how: Adaptive, found: NextWindow, outcome: ExecutionStatus | None) -> NextWindow:
    covered = Covered(found.window.end, found.window.length, found.scheduled)
    after = next_window(how, NOON, covered, outcome)
    assert after is not None
    return after


# --- the rule ---------------------------------------------------------------------------------------------------------

outcomes = st.sampled_from(["Completed", "CompletedWithViolations", "Failed", "Stopped", None])
bounds = st.tuples(st.integers(1, 200), st.integers(1, 2000)).map(sorted)
expressions = st.sampled_from(["cron(0 * ? * * *)", "cron(30 4 ? * * *)", "cron(0 0/6 ? * * *)", "rate(7 minutes)"])


@given(bounds, st.integers(0, 3000), expressions, st.lists(outcomes, max_size=30))
def test_windows_tile_the_time_and_their_lengths_keep_the_bounds(
    limits: list[int], lag: int, expression: str, results: list[ExecutionStatus | None]
) -> None:
    how = adaptive(*limits, lag, expression)
    found = next_window(how, NOON, None, None)
    assert found is not None
    assert found.scheduled > NOON
    for result in results:
        after = following(how, found, result)
        assert after.window.start == found.window.end
        assert how.shortest <= after.window.length <= how.longest
        assert after.scheduled == after.window.end + how.lag
        found = after


@given(bounds, expressions, st.integers(-3000, 3000), st.integers(0, 3000), outcomes)
def test_a_schedule_that_begins_again_judges_nothing_twice_and_keeps_the_bounds(
    limits: list[int], expression: str, ended: int, lag: int, result: ExecutionStatus | None
) -> None:
    how = adaptive(*limits, lag, expression)
    until = NOON + ended * MINUTE
    found = next_window(how, NOON, Covered(until, how.shortest, min(until, NOON) - MINUTE), result)
    assert found is not None
    assert found.window.start >= until
    assert found.scheduled > NOON
    assert how.shortest <= found.window.length <= how.longest
    # What was open when it was stopped is judged too, if the longest window has room for it.
    assert found.window.start == until or found.window.end - until > how.longest


def test_violations_bring_the_shortest_window_and_quiet_ones_double_up_to_the_longest() -> None:
    how = adaptive()
    found = next_window(how, NOON, None, None)
    assert found is not None
    lengths, whys = [], []
    results: list[ExecutionStatus | None] = [
        *["Completed"] * 4,
        "CompletedWithViolations",
        "CompletedWithViolations",
        "Completed",
        "Failed",
        None,
        "Completed",
    ]
    for result in results:
        found = following(how, found, result)
        lengths.append(int(found.window.length / MINUTE))
        whys.append(found.why)
    assert lengths == [120, 240, 360, 360, 15, 15, 30, 30, 30, 60]
    assert whys[2:5] == [
        "PT6H instead of PT4H: the window before was quiet",
        "PT6H as before: the window before was quiet",
        "PT15M instead of PT6H: the window before had violations",
    ]
    assert whys[7] == "PT30M as before: the window before told nothing"


@pytest.mark.parametrize(
    "text", ["PT15M", "PT6H/PT15M", "PT0S/PT1H", "15/60", "PT90S/PT1H", "PT1H/P40D", "/", "PT1H/PT90S", "-PT1H/PT1H"]
)
def test_bounds_that_are_none_are_refused_when_they_are_given(
    store: Store, clock: ManualClock, tmp_path: Path, text: str
) -> None:
    world = World(store, clock, tmp_path)
    members = definition("DataQuality", application={"Environment": {"watchpost_adaptive": text}})
    with pytest.raises(Refused, match="watchpost_adaptive") as refused:
        world.monitoring.definitions.create("DataQuality", "job", members, "me")
    assert refused.value.fault == "ValidationException"


def test_batches_adapt_by_whole_hours_only(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    world = World(store, clock, tmp_path)
    batch: Members = {"DataCapturedDestinationS3Uri": "s3://lake/batches"}
    world.monitoring.definitions.create(
        "DataQuality", "job", definition("DataQuality", batch=batch, application=ADAPTS), "me"
    )
    with pytest.raises(Refused, match="whole hours"):
        world.monitoring.schedules.create("hourly", timetable(), "me")


# --- a schedule -------------------------------------------------------------------------------------------------------


class Ends:
    """Stand-ins for runs: wrong where the window meets a stretch of trouble."""

    def __init__(self, trouble: Window | None = None) -> None:
        self.trouble, self.windows = trouble, list[tuple[datetime, datetime]]()

    def __call__(self, task: Task, asked: Asked) -> Finished:
        environment = task.job.members["Environment"]
        assert isinstance(environment, dict)
        start, end = (datetime.fromisoformat(environment[name]) for name in ("start_time", "end_time"))
        self.windows.append((start, end))
        wrong = self.trouble is not None and start < self.trouble.end and end > self.trouble.start
        return WRONG if wrong else QUIET


def started(world: World, application: Members = ADAPTS, **times: str) -> None:
    world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", application=application), "me")
    world.monitoring.schedules.create("hourly", timetable(**times), "me")
    world.settle()


def until_quiet(world: World, seconds: float = 0) -> None:
    """Move on, and work until nothing is due."""
    world.settle(seconds)
    while True:
        before = len(world.monitoring.executions.all())
        world.settle()
        if len(world.monitoring.executions.all()) == before:
            return


@pytest.fixture
def runs() -> Ends:
    return Ends()


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path, runs: Ends) -> World:
    return World(store, clock, tmp_path, execute=runs, objects=full_lake())


def lengths(runs: Ends) -> list[int]:
    return [int((end - start) / MINUTE) for start, end in runs.windows]


def tiles(runs: Ends) -> bool:
    return all(one[1] == after[0] for one, after in pairwise(runs.windows))


def test_a_schedule_runs_more_often_while_something_is_wrong(world: World, runs: Ends) -> None:
    runs.trouble = Window(NOON + 20 * HOUR, NOON + 26 * HOUR)
    started(world)
    for _ in range(200):
        until_quiet(world, 900)
    assert tiles(runs)
    assert lengths(runs)[:6] == [60, 120, 240, 360, 360, 360]
    assert lengths(runs).count(15) >= 8
    assert {30, 60, 120, 240, 360} < set(lengths(runs)[lengths(runs).index(15) :])
    assert lengths(runs)[-1] == 360


def test_the_journal_says_why_the_frequency_changed(world: World, runs: Ends) -> None:
    runs.trouble = Window(NOON, NOON + HOUR)
    started(world)
    until_quiet(world, 4 * 3600)
    lines = world.journal("monitoring-execution.pending")
    assert [line.entry.data["why"] for line in lines[:3]] == [
        "PT1H: the first window since the schedule began",
        "PT2H instead of PT1H: the window before was quiet",
        "PT15M instead of PT2H: the window before had violations",
    ]


def test_windows_missed_while_no_server_ran_are_caught_up_in_order(world: World, runs: Ends) -> None:
    started(world)
    until_quiet(world, 49 * 3600)
    assert tiles(runs)
    assert runs.windows[0][0] == NOON - HOUR
    assert NOON + 49 * HOUR - runs.windows[-1][1] < 6 * HOUR


def test_a_restart_goes_on_with_the_length_it_had(
    world: World, runs: Ends, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    started(world)
    until_quiet(world, 7 * 3600)
    other = World(store, clock, tmp_path, execute=runs, objects=full_lake(), name="other")
    until_quiet(other, 6 * 3600)
    assert tiles(runs)
    assert lengths(runs) == [60, 120, 240, 360]


def test_what_was_open_when_a_schedule_was_stopped_is_judged_when_it_starts(world: World, runs: Ends) -> None:
    started(world)
    until_quiet(world, 7 * 3600)
    until_quiet(world, 1800)
    world.monitoring.schedules.stop("hourly", "me")
    until_quiet(world, 600)
    world.monitoring.schedules.start("hourly", "me")
    until_quiet(world, 3600)
    assert tiles(runs)
    assert lengths(runs) == [60, 120, 240, 120]


def test_another_timetable_begins_where_the_last_window_ended(world: World, runs: Ends) -> None:
    started(world)
    until_quiet(world, 8 * 3600)
    world.monitoring.schedules.update("hourly", timetable("cron(30 0/2 ? * * *)"), "me")
    until_quiet(world, 3 * 3600)
    assert tiles(runs)
    assert runs.windows[-1][1].minute == 30


def test_a_schedule_that_starts_to_adapt_goes_on_where_its_timetable_was(world: World, runs: Ends) -> None:
    fixed: Members = {"Environment": {"watchpost_data_ready_after": "PT0S"}}
    started(world, fixed)
    until_quiet(world, 2 * 3600)
    world.monitoring.definitions.create("DataQuality", "adapts", definition("DataQuality", application=ADAPTS), "me")
    world.monitoring.schedules.update("hourly", timetable() | {"MonitoringJobDefinitionName": "adapts"}, "me")
    until_quiet(world, 6 * 3600)
    assert tiles(runs)
    assert lengths(runs) == [60, 60, 60, 120, 240]


def test_an_outcome_that_never_comes_does_not_hold_up_the_schedule(world: World, runs: Ends) -> None:
    started(world)
    world.monitoring.tick(world.clock.advance(2 * 3600))
    assert len(world.monitoring.executions.all()) == 2
    # Its task is lost: the worker never gets to it.
    for _ in range(8):
        world.monitoring.tick(world.clock.advance(900))
    assert [e.window for e in world.monitoring.executions.all()][1:] == [
        (NOON, NOON + 2 * HOUR),
        (NOON + 2 * HOUR, NOON + 4 * HOUR),
    ]


def test_offsets_keep_windows_behind_their_scheduled_times(
    store: Store, clock: ManualClock, tmp_path: Path, runs: Ends
) -> None:
    world = World(store, clock, tmp_path, execute=runs, objects=full_lake())
    started(world, start="-PT25H", end="-PT24H")
    until_quiet(world, 3 * 3600)
    assert runs.windows == [
        (NOON - 25 * HOUR, NOON - 24 * HOUR),
        (NOON - 24 * HOUR, NOON - 22 * HOUR),
    ]


def test_records_of_a_window_within_an_hour_have_a_report_of_their_own_minute(world: World, runs: Ends) -> None:
    runs.trouble = Window(NOON - HOUR, NOON)
    started(world)
    until_quiet(world, 900)
    job = world.monitoring.processing.describe(world.execution().job)
    assert "s3://lake/reports/homes/hourly/2026/07/01/12/15" in str(job.members)


step = st.tuples(
    st.sampled_from(["tick", "work", "restart", "stop and start"]), st.sampled_from([0, 1]), st.integers(-7200, 30_000)
)


@given(st.lists(step, min_size=1, max_size=25), st.lists(st.booleans(), max_size=12), st.integers(0, 48))
@settings(max_examples=25)
def test_every_moment_is_judged_once_whatever_crashes_and_however_the_clock_jumps(
    steps: list[tuple[str, int, int]], deaths: list[bool], hour: int
) -> None:
    trouble = Window(NOON + hour * HOUR, NOON + (hour + 3) * HOUR)
    servers = Servers(Ends(trouble), NOON)

    def stop_and_start(world: World) -> None:
        world.monitoring.schedules.stop("hourly", "me")
        world.monitoring.schedules.start("hourly", "me")

    started(servers.worlds[0])
    servers.live(steps, deaths, {"stop and start": stop_and_start})
    for world in servers.worlds:
        until_quiet(world)
    executions = sorted(world.monitoring.executions.all(), key=lambda each: each.scheduled)
    ended = Counter(str(line.entry.data["scheduled"]) for line in world.journal("monitoring-execution.end"))
    assert len(ended) == len(executions)
    assert set(ended.values()) == {1}
    windows = [Window(*each.window) for each in executions if each.window is not None]
    assert len(windows) == len(executions)
    assert all(15 * MINUTE <= each.length <= 6 * HOUR for each in windows)
    stopped = any(what == "stop and start" for what, _, _ in steps)
    for one, after in pairwise(windows):
        # Stopping is the one thing that may leave a gap.
        assert one.end == after.start or (stopped and one.end < after.start)
    assert stopped or servers.latest - windows[-1].end < 6 * HOUR
    servers.store.close()
