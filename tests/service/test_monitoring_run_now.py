"""Windows that are run because somebody asks: which one is meant, and what it is a revision of."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.clock import ManualClock
from watchpost.service.monitoring.documents import Members
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.runs import Asked
from watchpost.stores.open import open_store
from watchpost.stores.store import Store
from watchpost.windows import Window

from .monitored import HOUR, World, clarify_job, definition, full_lake, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
AT_ONCE: Members = {"Environment": {"watchpost_data_ready_after": "PT0S"}}
ADAPTS: Members = {"Environment": {"watchpost_data_ready_after": "PT0S", "watchpost_adaptive": "PT15M/PT6H"}}


class Runs:
    """Stand-ins for runs that publish one figure, and end as they are told."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.end: Finished | None = None

    def __call__(self, task: Task, asked: Asked) -> Finished:
        self.tasks.append(task)
        datum = Datum(Metric.of("m", "drift_score"), float(len(self.tasks)), (1.0,), (1.0,))
        return self.end or Finished("Completed", "Completed: fine", metrics=(datum,))

    def places(self) -> list[str]:
        found = []
        for task in self.tasks:
            config = task.job.members["ProcessingOutputConfig"]
            assert isinstance(config, dict)
            found.append(config["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://lake/reports/homes/hourly/"))
        return found


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path, runs: Runs) -> World:
    return World(store, clock, tmp_path, execute=runs, objects=full_lake())


def started(world: World, application: Members = AT_ONCE, **times: str) -> None:
    world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", application=application), "me")
    world.monitoring.schedules.create("hourly", timetable(**times), "me")
    world.settle()


def windows(world: World) -> list[tuple[datetime | None, datetime | None, int]]:
    return [(each.start, each.end, each.revision) for each in world.monitoring.executions.all("hourly")]


def test_without_a_window_the_last_one_that_is_over_is_meant(world: World) -> None:
    world.clock.advance(1800)
    started(world)
    made = world.monitoring.run_window("hourly", None, "me")
    world.settle()
    assert windows(world) == [(NOON - HOUR, NOON, 1)]
    assert made.scheduled == NOON


def test_a_window_of_the_schedule_is_its_own_execution_and_is_not_run_again_when_it_is_due(world: World) -> None:
    world.clock.advance(1800)
    started(world)
    made = world.monitoring.run_window("hourly", Window(NOON - HOUR, NOON), "me")
    world.settle(1800)
    assert (made.asked, windows(world)) == (False, [(NOON - HOUR, NOON, 1), (NOON, NOON + HOUR, 1)])


def test_a_window_that_was_run_gets_another_revision(world: World, runs: Runs) -> None:
    started(world)
    world.monitoring.run_window("hourly", Window(NOON - HOUR, NOON), "me")
    world.settle()
    world.monitoring.run_window("hourly", None, "me")
    world.settle()
    assert windows(world) == [(NOON - HOUR, NOON, 3)]
    assert [task.job.name[-3:] for task in runs.tasks[1:]] == ["-r2", "-r3"]
    assert len(set(runs.places())) == 1


def test_any_other_window_has_a_report_of_its_own_no_metric_and_no_say_in_the_alert(world: World, runs: Runs) -> None:
    started(world)
    published = len(world.around.metrics)
    runs.end = Finished("Completed", "CompletedWithViolations: found 2")
    for _ in range(2):
        world.monitoring.run_window("hourly", Window(NOON - 6 * HOUR, NOON), "me")
        world.settle()
    assert windows(world) == [(NOON - HOUR, NOON, 1), (NOON - 6 * HOUR, NOON, 2)]
    # It is an execution of the schedule, and none was scheduled later.
    assert world.execution().asked
    assert runs.places()[1:] == ["windows/20260701T060000Z-20260701T120000Z"] * 2
    assert len(world.around.metrics) == published
    assert [alert.status for alert in world.monitoring.alerts.of("hourly")] == ["OK"]


def test_an_adaptive_schedules_windows_are_found_by_their_ends(world: World) -> None:
    started(world, ADAPTS)
    world.settle(2 * 3600)
    world.monitoring.run_window("hourly", Window(NOON, NOON + 2 * HOUR), "me")
    world.settle()
    world.monitoring.run_window("hourly", None, "me")
    world.settle()
    assert windows(world) == [(NOON - HOUR, NOON, 1), (NOON, NOON + 2 * HOUR, 3)]


def test_a_window_of_the_past_keeps_its_ends_whatever_the_timetable_becomes(world: World) -> None:
    started(world)
    world.monitoring.schedules.update("hourly", timetable("cron(0 0/6 ? * * *)"), "me")
    world.monitoring.run_window("hourly", Window(NOON - HOUR, NOON), "me")
    world.settle()
    assert windows(world)[0] == (NOON - HOUR, NOON, 2)


@pytest.mark.parametrize(
    "window", [Window(NOON, NOON), Window(NOON, NOON - HOUR), Window(NOON - HOUR, NOON + HOUR)], ids=str
)
def test_a_window_that_is_none_or_not_over_is_refused(world: World, window: Window) -> None:
    started(world)
    with pytest.raises(Refused, match="ends before it is run"):
        world.monitoring.run_window("hourly", window, "me")


def test_a_window_that_waits_to_be_run_is_under_way_and_no_other_window(world: World) -> None:
    started(world)
    world.monitoring.tick(world.clock.advance(3600))
    with pytest.raises(Refused, match="under way"):
        world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    world.settle()
    assert windows(world) == [(NOON - HOUR, NOON, 1), (NOON, NOON + HOUR, 1)]


@pytest.mark.parametrize("again", [False, True])
def test_a_server_that_was_taken_for_dead_settles_nothing_a_second_time(
    store: Store, clock: ManualClock, tmp_path: Path, runs: Runs, again: bool
) -> None:
    other = World(store, clock, tmp_path, execute=runs, objects=full_lake())

    def held_up(task: Task, asked: Asked) -> Finished:
        # Meanwhile another server does what this one has claimed, as it would ten minutes later.
        now = clock.advance(600)
        assert other.worker.recover(now) == 1
        other.worker.step(now)
        if again:
            other.monitoring.run_window("hourly", None, "me")
        return Finished("Failed", "too late", "too late")

    started(World(store, clock, tmp_path, execute=held_up, objects=full_lake()))
    status = "Pending" if again else "Completed"
    assert (other.execution().status, other.execution().revision) == (status, 1 + again)
    assert [alert.status for alert in other.monitoring.alerts.of("hourly")] == ["OK"]
    assert len(other.journal("monitoring-execution.end")) == 1
    other.settle()
    assert (other.execution().status, len(runs.tasks)) == ("Completed", 1 + again)


def test_figures_of_a_job_of_its_own_are_published_once_by_whichever_server(
    store: Store, clock: ManualClock, tmp_path: Path, runs: Runs
) -> None:
    other = World(store, clock, tmp_path, execute=runs, objects=full_lake())

    def held_up(task: Task, asked: Asked) -> Finished:
        now = clock.advance(600)
        other.worker.recover(now)
        other.worker.step(now)
        return Finished("Completed", "Completed: fine", metrics=(Datum(Metric.of("m", "drift_score"), 1.0, (1.0,)),))

    slow = World(store, clock, tmp_path, execute=held_up, objects=full_lake())
    slow.job("baseline", **clarify_job("s3://lake/data.csv", "s3://lake/analysis_config.json", "s3://lake/out"))
    assert (len(other.around.metrics), len(slow.around.metrics)) == (1, 0)


def test_a_schedule_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="does not exist"):
        world.monitoring.run_window("hourly", None, "me")


def test_a_run_is_told_of_by_its_job_whatever_comes_later(world: World, runs: Runs) -> None:
    started(world)
    good = world.monitoring.run_window("hourly", None, "me")
    before = world.monitoring.run_state(good.key, good.job).status
    world.settle()
    runs.end = Finished("Failed", "out of luck", "out of luck")
    bad = world.monitoring.run_window("hourly", None, "me")
    world.settle()
    first, second = (world.monitoring.run_state(made.key, made.job) for made in (good, bad))
    assert (before, first.status, second.status, second.failure) == ("Pending", "Completed", "Failed", "out of luck")
    assert first.report == "s3://lake/reports/homes/hourly/2026/07/01/12"
    # What stood stands, and the list says so.
    assert (world.execution().status, world.execution().revision) == ("Completed", 2)
    with pytest.raises(Refused, match="no execution"):
        world.monitoring.run_state("nothing", bad.job)


asks = st.tuples(st.sampled_from(["last", "own", "other", "tick"]), st.integers(0, 4))


@given(st.lists(asks, max_size=15))
@settings(max_examples=25)
def test_a_window_has_one_execution_however_often_it_is_asked_for(steps: list[tuple[str, int]]) -> None:
    store, clock, runs = open_store("sqlite://"), ManualClock(NOON), Runs()
    world = World(store, clock, Path("nowhere"), execute=runs, objects=full_lake())
    started(world)
    for what, number in steps:
        end = NOON - number * HOUR
        match what:
            case "last":
                world.monitoring.run_window("hourly", None, "me")
            case "own":
                world.monitoring.run_window("hourly", Window(end - HOUR, end), "me")
            case "other":
                world.monitoring.run_window("hourly", Window(end - 2 * HOUR, end), "me")
            case _:
                clock.advance(number * 1800)
        world.settle()
    found = windows(world)
    assert len({(start, end) for start, end, _ in found}) == len(found)
    assert sum(revision for _, _, revision in found) == len(runs.tasks)
    store.close()
