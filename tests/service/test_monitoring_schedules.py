"""Schedules hand every window out once: over restarts, several servers, clocks that jump; and what a window is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.service.clock import ManualClock
from watchpost.service.monitoring.documents import Members
from watchpost.service.monitoring.job import Source, times_of
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.runs import Asked
from watchpost.stores.store import Store
from watchpost.windows import Window

from .monitored import HOUR, Servers, World, capture_line, captured, definition, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
AT_ONCE: Members = {"Environment": {"watchpost_data_ready_after": "PT0S"}}


def completed(task: Task, asked: Asked) -> Finished:
    """A stand-in for a run: quiet at once."""
    return Finished("Completed", "Completed: Job completed successfully with no violations.")


class Recorder:
    """A stand-in for runs that remembers them, and ends as it is told."""

    def __init__(self, *ends: Finished) -> None:
        self.tasks: list[Task] = []
        self.ends = list(ends)

    def __call__(self, task: Task, asked: Asked) -> Finished:
        self.tasks.append(task)
        return self.ends.pop(0) if self.ends else completed(task, asked)


def made(world: World, name: str = "hourly", **times: str) -> None:
    """A schedule over a capture that has a record in every hour."""
    if not world.monitoring.definitions.all("DataQuality"):
        world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", application=AT_ONCE), "me")
    world.monitoring.schedules.create(name, timetable(**times), "me")
    world.settle()


def scheduled_times(world: World, name: str = "hourly") -> list[datetime]:
    return [execution.scheduled for execution in world.monitoring.executions.all(name)]


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path) -> World:
    return World(store, clock, tmp_path, execute=completed)


# --- what a window is -------------------------------------------------------------------------------------------------


def window(expression: str, at: datetime, **more: str) -> Window:
    times = {key: more[key] for key in ("DataAnalysisStartTime", "DataAnalysisEndTime") if key in more}
    source = Source(start_time_offset=more.get("start"), end_time_offset=more.get("end"))
    return times_of({"ScheduleConfig": {"ScheduleExpression": expression, **times}}, "s").window(at, source)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("cron(0 * ? * * *)", 1),
        ("cron(0 * * * ? *)", 1),
        ("cron(0 */2 * * ? *)", 2),
        ("cron(0 12 * * ? *)", 24),
        ("cron(0 0/6 ? * * *)", 6),
        ("rate(3 hours)", 3),
    ],
)
def test_without_offsets_a_window_is_the_period_up_to_its_time(expression: str, hours: int) -> None:
    assert window(expression, NOON) == Window(NOON - hours * HOUR, NOON)


def test_offsets_of_both_ends_count_from_the_scheduled_time() -> None:
    # Contract 6.3, the guide's own example.
    at = datetime(2020, 1, 9, 13, tzinfo=UTC)
    found = window("cron(0 * ? * * *)", at, start="-P8D", end="-P1D")
    assert found == Window(datetime(2020, 1, 1, 13, tzinfo=UTC), datetime(2020, 1, 8, 13, tzinfo=UTC))


def test_the_guides_days_behind_the_t_are_days() -> None:
    assert window("cron(0 * ? * * *)", NOON, start="-PT2D", end="-P1D") == Window(NOON - 48 * HOUR, NOON - 24 * HOUR)


def test_times_of_the_schedule_go_before_those_of_the_input() -> None:
    found = window(
        "cron(0 * ? * * *)", NOON, DataAnalysisStartTime="-PT3H", DataAnalysisEndTime="-PT1H", start="-P8D", end="-P1D"
    )
    assert found == Window(NOON - 3 * HOUR, NOON - HOUR)


def test_a_time_zone_behind_the_expression_moves_the_times_with_the_place() -> None:
    found = window("cron(0 12 * * ? *) Europe/Berlin", datetime(2026, 7, 1, 10, tzinfo=UTC))
    assert found == Window(datetime(2026, 6, 30, 10, tzinfo=UTC), datetime(2026, 7, 1, 10, tzinfo=UTC))


@given(
    st.sampled_from(["cron(0 * ? * * *)", "cron(0 3 ? * * *)", "cron(0 0/5 ? * * *)", "cron(30 4 L * ? *)"]),
    st.integers(0, 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
def test_windows_without_offsets_follow_each_other_without_gap_or_overlap(expression: str, start: datetime) -> None:
    schedule = times_of({"ScheduleConfig": {"ScheduleExpression": expression}}, "s").schedule
    assert schedule is not None
    first = schedule.next_after(start)
    assert first is not None
    second = schedule.next_after(first)
    assert second is not None
    assert window(expression, second).start == window(expression, first).end


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"ScheduleExpression": "cron(0 25 ? * * *)"}, "ScheduleExpression"),
        ({"ScheduleExpression": "every hour"}, "ScheduleExpression"),
        ({"ScheduleExpression": "NOW"}, "DataAnalysisStartTime"),
        ({"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H"}, "DataAnalysisEndTime"),
        ({"ScheduleExpression": "cron(0 * ? * * *)", "DataAnalysisStartTime": "an hour"}, "DataAnalysisStartTime"),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT1H"},
            "DataAnalysisStartTime must be before",
        ),
    ],
)
def test_a_timetable_that_is_none_is_refused_by_name(config: Members, word: str) -> None:
    with pytest.raises(Refused, match=word) as refused:
        times_of({"ScheduleConfig": config}, "s")
    assert refused.value.fault == "ValidationException"


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_new_schedule_is_pending_until_the_server_has_seen_it(world: World) -> None:
    world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality"), "me")
    world.monitoring.schedules.create("hourly", timetable(), "me")
    before = world.monitoring.schedules.describe("hourly").status
    world.monitoring.tick(world.clock.now())
    assert (before, world.monitoring.schedules.describe("hourly").status) == ("Pending", "Scheduled")
    told = [event.detail["MonitoringScheduleStatus"] for event in world.around.events]
    assert told == ["Pending", "Scheduled"]
    assert world.around.events[0].detail_type == "SageMaker Monitoring Schedule State Change"


def test_a_stopped_schedule_does_not_run_and_does_not_catch_up_when_it_is_started(world: World) -> None:
    made(world)
    world.monitoring.schedules.stop("hourly", "me")
    world.settle(5 * 3600)
    world.monitoring.schedules.start("hourly", "me")
    world.settle(3600)
    assert scheduled_times(world) == [NOON, NOON + 6 * HOUR]


def test_a_deleted_schedule_is_gone_and_its_executions_stay(world: World) -> None:
    made(world)
    world.settle(3600)
    world.monitoring.schedules.delete("hourly", "me")
    world.settle(3600)
    with pytest.raises(Refused, match="does not exist"):
        world.monitoring.schedules.describe("hourly")
    assert scheduled_times(world) == [NOON, NOON + HOUR]
    assert world.around.events[-1].detail["MonitoringScheduleStatus"] == "Deleted"


def test_another_timetable_counts_from_its_change(world: World) -> None:
    made(world)
    world.settle(3600)
    world.clock.advance(1800)
    world.monitoring.schedules.update("hourly", timetable("cron(0 0/3 ? * * *)"), "me")
    world.settle(6 * 3600)
    assert scheduled_times(world) == [NOON, NOON + HOUR, NOON + 3 * HOUR, NOON + 6 * HOUR]


def test_a_schedule_may_bring_its_job_itself(world: World) -> None:
    output = {"S3Uri": "s3://lake/reports", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    inline: Members = {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "homes", "LocalPath": "/opt/ml/processing/input"}}],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "MonitoringResources": {"ClusterConfig": {}},
        "MonitoringAppSpecification": {"ImageUri": "x/sagemaker-model-monitor-analyzer"},
        "Environment": {"watchpost_data_ready_after": "PT0S"},
        "RoleArn": "arn:aws:iam::000000000000:role/r",
    }
    config: Members = {"MonitoringJobDefinition": inline, "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}}
    world.monitoring.schedules.create("hourly", config, "me")
    world.settle()
    world.settle(3600)
    schedule = world.monitoring.schedules.describe("hourly")
    assert (schedule.monitor, schedule.endpoint, schedule.definition) == ("DataQuality", "homes", None)
    assert scheduled_times(world) == [NOON, NOON + HOUR]


def test_a_schedule_must_name_a_job_definition_that_is_there(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.monitoring.schedules.create("hourly", timetable(), "me")
    assert refused.value.fault == "ResourceNotFound"


def test_a_definition_deleted_under_its_schedule_fails_the_execution_which_says_so(world: World) -> None:
    made(world)
    world.monitoring.definitions.delete("DataQuality", "job", "me")
    world.settle(3600 + 130)
    assert world.execution().status == "Failed"
    assert "data-quality-job-definition/job does not exist" in (world.execution().failure or "")


# --- when windows are handed out --------------------------------------------------------------------------------------


def test_a_window_waits_until_its_data_is_ready(world: World) -> None:
    late: Members = {"Environment": {"watchpost_data_ready_after": "PT10M"}}
    world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", application=late), "me")
    world.monitoring.schedules.create("hourly", timetable(), "me")
    world.settle(600)
    world.settle(3600 - 1)
    before = scheduled_times(world)
    world.settle(1)
    assert (before, scheduled_times(world)) == ([NOON], [NOON, NOON + HOUR])


def test_now_runs_once_and_at_once(world: World) -> None:
    world.clock.advance(754.5)
    made(world, expression="NOW", start="-PT1H", end="-PT0H")
    world.settle(24 * 3600)
    (execution,) = world.monitoring.executions.all("hourly")
    now = NOON + timedelta(seconds=754.5)
    assert (execution.scheduled, execution.start, execution.end) == (now, now - HOUR, now)


def test_windows_missed_while_no_server_ran_are_caught_up(world: World) -> None:
    made(world)
    world.settle(50 * 3600)
    assert scheduled_times(world) == [NOON + hour * HOUR for hour in range(51)]


def test_a_clock_set_back_runs_nothing_twice(world: World) -> None:
    made(world)
    world.settle(3 * 3600)
    world.settle(-2 * 3600)
    world.settle(3 * 3600)
    assert scheduled_times(world) == [NOON + hour * HOUR for hour in range(5)]
    assert len(world.journal("monitoring-execution.end")) == 5


def test_two_servers_over_one_store_hand_a_window_out_once(world: World) -> None:
    made(world)
    other = World(world.store, world.clock, world.home, execute=completed, name="other")
    now = world.clock.advance(3600)
    handed = (other.monitoring.tick(now), world.monitoring.tick(now))
    other.worker.step(now)
    world.worker.step(now)
    assert handed == (1, 0)
    assert len(world.journal("monitoring-execution.end")) == 2


def test_a_window_that_is_under_way_cannot_be_run_again(world: World) -> None:
    made(world)
    world.monitoring.run_window("hourly", Window(NOON - HOUR, NOON), "me")
    with pytest.raises(Refused, match="under way"):
        world.monitoring.run_window("hourly", Window(NOON - HOUR, NOON), "me")


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_an_alert_follows_how_many_of_the_last_executions_were_bad(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    bad = Finished("Completed", "CompletedWithViolations: Job completed successfully with 2 violations.")
    good = completed(None, lambda: False)  # type: ignore[arg-type]  # looks at neither
    runs = Recorder(good, bad, good, bad, bad, good, good)
    world = World(store, clock, tmp_path, execute=runs)
    for hour in range(8):
        captured(world, NOON + (hour - 1) * HOUR, [capture_line("1", "2", NOON + (hour - 1) * HOUR, "e")])
    made(world)
    world.monitoring.alerts.update("hourly", "monitoring-alert", 2, 3, "me")
    seen = []
    for _ in range(6):
        world.settle(3600)
        seen.append(world.monitoring.alerts.of("hourly")[0].status)
    # Of the last three: 1 (and none before), 1, 2, 2, 2, 1.
    assert seen == ["OK", "OK", "InAlert", "InAlert", "InAlert", "OK"]
    assert [change.status for change in world.monitoring.alerts.history("hourly")] == ["InAlert", "OK"]


def test_more_datapoints_than_the_period_has_are_refused(world: World) -> None:
    made(world)
    with pytest.raises(Refused, match="EvaluationPeriod"):
        world.monitoring.alerts.update("hourly", "monitoring-alert", 3, 2, "me")


# --- exactly once -----------------------------------------------------------------------------------------------------


step = st.tuples(st.sampled_from(["tick", "work", "restart"]), st.sampled_from([0, 1]), st.integers(-7200, 30_000))


@given(st.lists(step, min_size=1, max_size=25), st.lists(st.booleans(), max_size=12))
@settings(max_examples=25)
def test_every_window_ends_once_whatever_crashes_and_however_the_clock_jumps(
    steps: list[tuple[str, int, int]], deaths: list[bool]
) -> None:
    servers = Servers(completed, NOON)
    made(servers.worlds[0])
    servers.live(steps, deaths)
    for world in servers.worlds:
        world.settle()
    ended = Counter(str(line.entry.data["scheduled"]) for line in world.journal("monitoring-execution.end"))
    wanted = [NOON + hour * HOUR for hour in range(int((servers.latest - NOON) / HOUR) + 1)]
    assert [datetime.fromisoformat(at) for at in sorted(ended)] == wanted
    assert set(ended.values()) == {1}
    assert {execution.status for execution in world.monitoring.executions.all()} == {"Completed"}
    servers.store.close()
