"""What ages out and what stays: captures, reports, executions; nothing that a window still needs is ever deleted."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Misconfigured
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.serving import SERVING, Serving, ServingVariant
from watchpost.service.monitoring.documents import Cursor, Members, MonitoringSchedule
from watchpost.service.monitoring.executions_request import hours
from watchpost.service.monitoring.job import Source, times_of
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.processing import outputs_of
from watchpost.service.processing.runs import Asked
from watchpost.service.retention.holds import needed_since
from watchpost.service.retention.object_expiration import BucketLifecycles, LifecycleRule, expires_at
from watchpost.service.retention.objects import BEGUN, Batch
from watchpost.service.retention.retention import Retention
from watchpost.service.retention.settings import (
    Captures,
    Disk,
    Executions,
    Reports,
    RetentionSettings,
    read_settings,
)
from watchpost.stores.objects.objects import Condition
from watchpost.stores.objects.open import open_objects
from watchpost.stores.store import Store
from watchpost.windows import EPOCH, Window

from .monitored import HOUR, World, definition, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = "cron(0 12 * * ? *)"
KEPT_10 = RetentionSettings(captures=Captures(10))


def finished(_task: Task, _asked: Asked) -> Finished:
    return Finished("Completed", "Completed: Job completed successfully with no violations.")


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path) -> World:
    return World(store, clock, tmp_path, execute=finished)


def retention(world: World, settings: RetentionSettings = KEPT_10, batch: int = 500) -> Retention:
    configuration = Configuration(home=world.home)
    return Retention(world.store, world.clock, configuration, world.objects, settings, "server", batch)


def laid(world: World, uri: str, at: datetime, text: str = "x") -> str:
    """An object that was written at an instant."""
    world.put(uri, text)
    path = world.objects.local_path(uri)
    assert path is not None
    os.utime(path, (at.timestamp(), at.timestamp()))
    return uri


def captured_at(world: World, hour: datetime, endpoint: str = "homes") -> str:
    uri = f"s3://lake/capture/{endpoint}/AllTraffic/{hour:%Y/%m/%d/%H}/00-00-a.jsonl"
    return laid(world, uri, hour + HOUR)


def serving(world: World, endpoint: str = "homes", at: datetime = NOON - 100 * DAY) -> None:
    line = Serving(endpoint, at, (ServingVariant("AllTraffic", "model"),), "s3://lake/capture")
    world.store.write(lambda tx: tx.put(SERVING, f"{endpoint}|{at:%Y-%m-%dT%H:%M:%S.%f}", line))


def there(world: World, uri: str) -> bool:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return world.objects.head(bucket, key) is not None


def ruled(world: World, *rules: LifecycleRule, bucket: str = "lake") -> None:
    world.objects.create_bucket(bucket)
    BucketLifecycles(world.store, world.objects).put(bucket, rules, "me", NOON)


# --- laws -------------------------------------------------------------------------------------------------------------

instants = st.integers(0, 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))


@given(instants, st.integers(1, 3650))
def test_an_object_expires_at_the_first_midnight_at_which_it_is_old_enough(modified: datetime, days: int) -> None:
    at = expires_at(modified, days)
    assert (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
    assert timedelta() <= at - (modified + days * DAY) < DAY


@given(
    st.sampled_from(["cron(0 * ? * * *)", "cron(0 12 * * ? *)", "cron(0 0/6 ? * * *)", "rate(3 hours)"]),
    st.sampled_from([(None, None), ("-PT6H", "-PT1H"), ("-P3D", "PT0H"), ("-PT1H", "PT0H")]),
    st.integers(0, 60),
    st.integers(1, 40),
    st.booleans(),
)
def test_every_hour_of_every_window_that_is_still_to_run_is_held(
    expression: str, offsets: tuple[str | None, str | None], run: int, later: int, begun: bool
) -> None:
    members: Members = {"ScheduleExpression": expression}
    if offsets[0] is not None:
        members |= {"DataAnalysisStartTime": offsets[0], "DataAnalysisEndTime": offsets[1]}
    config: Members = {"ScheduleConfig": members}
    schedule = MonitoringSchedule("hourly", "arn", "Scheduled", NOON, NOON, NOON, config, "DataQuality")
    times, source = times_of(config, "hourly"), Source(endpoint_name="homes")
    assert times.schedule is not None
    handed = list(times.schedule.between(NOON, NOON + run * HOUR))
    cursor = Cursor(handed[-1]) if handed else None
    waiting = handed[-2:] if begun else []
    still = [
        *waiting,
        *times.schedule.between((handed[-1] if handed else NOON) + HOUR / 60, NOON + (run + later) * HOUR),
    ]
    starts = [times.window(at, source).start for at in waiting]
    since = needed_since(schedule, times, source, cursor, starts, None, NOON + (run + later) * HOUR)
    windows = [times.window(at, source) for at in still]
    assert since is not None
    assert all(hour >= since for window in windows for hour in hours(Window(window.start, window.end)))


# --- captures ---------------------------------------------------------------------------------------------------------


def test_captures_stay_for_ever_unless_somebody_said_how_long(world: World) -> None:
    serving(world)
    old = captured_at(world, NOON - 5000 * DAY)
    assert retention(world, RetentionSettings()).step(NOON).objects == 0
    assert there(world, old)


def test_captures_go_when_their_hour_and_the_file_are_older_than_what_is_kept(world: World) -> None:
    serving(world)
    old, young = captured_at(world, NOON - 10 * DAY - 2 * HOUR), captured_at(world, NOON - 10 * DAY + HOUR)
    restored = laid(world, "s3://lake/capture/homes/AllTraffic/2025/01/01/00/a.jsonl", NOON - DAY)
    swept = retention(world).step(NOON)
    assert (swept.objects, swept.bytes, swept.held) == (1, 1, 0)
    assert [there(world, uri) for uri in (old, young, restored)] == [False, True, True]


def test_what_is_no_capture_file_of_a_known_endpoint_is_left_alone(world: World) -> None:
    serving(world)
    others = [
        laid(world, uri, NOON - 900 * DAY)
        for uri in (
            "s3://lake/capture/homes/readme.txt",
            "s3://lake/capture/homes/AllTraffic/notes/2020/01/01/00/a.txt",
            "s3://lake/capture/homes/AllTraffic/2020/13/01/00/a.jsonl",
            "s3://lake/capture/flats/AllTraffic/2020/01/01/00/a.jsonl",
            "s3://lake/train.csv",
        )
    ]
    assert retention(world).step(NOON).objects == 0
    assert all(there(world, uri) for uri in others)


def test_captures_of_an_endpoint_that_is_gone_still_age(world: World) -> None:
    serving(world)
    gone = Serving("homes", NOON - 50 * DAY, ())
    world.store.write(lambda tx: tx.put(SERVING, f"homes|{gone.at:%Y-%m-%dT%H:%M:%S.%f}", gone))
    old = captured_at(world, NOON - 60 * DAY)
    assert retention(world).step(NOON).objects == 1
    assert not there(world, old)


def test_deletion_is_in_the_journal_with_counts_and_bytes_of_bounded_batches(world: World) -> None:
    serving(world)
    for hour in range(5):
        captured_at(world, NOON - 20 * DAY + hour * HOUR)
    retention(world, batch=2).step(NOON)
    lines = [line.entry for line in world.journal("objects.expired")]
    assert [(line.subject, line.data["objects"], line.data["bytes"]) for line in lines] == [
        ("arn:aws:s3:::lake", 2, 2),
        ("arn:aws:s3:::lake", 2, 2),
        ("arn:aws:s3:::lake", 1, 1),
    ]
    assert lines[0].data["first"] == f"capture/homes/AllTraffic/{NOON - 20 * DAY:%Y/%m/%d/%H}/00-00-a.jsonl"


def test_a_batch_that_a_crash_cut_off_is_in_the_journal_after_the_next_start(world: World) -> None:
    begun = Batch("lifecycle rule a", "lake", "a", "b", 2, 20)
    world.store.write(lambda tx: tx.put(BEGUN, "server", begun))
    retention(world).step(NOON)
    retention(world).step(NOON)
    [line] = world.journal("objects.expired")
    assert (line.entry.data["objects"], line.entry.data["cut_off"]) == (2, True)


def test_an_object_that_is_written_anew_at_that_moment_stays(world: World) -> None:
    ruled(world, LifecycleRule("all", "", 1))
    uri = laid(world, "s3://lake/a", NOON - 9 * DAY)
    delete = world.objects.delete

    def rewritten(bucket: str, key: str, condition: Condition) -> bool:
        world.put(uri, "new")
        return delete(bucket, key, condition)

    upkeep = retention(world)
    racing = open_objects(world.home / "objects")
    racing.delete = rewritten  # type: ignore[method-assign, assignment]  # a writer between the look and the deletion
    upkeep._expiring._objects = racing
    assert upkeep.step(NOON).objects == 0
    assert world.text(uri) == "new"


def test_a_sweep_stops_between_two_objects_when_the_server_does(world: World) -> None:
    ruled(world, LifecycleRule("all", "", 1))
    for name in "abc":
        laid(world, f"s3://lake/{name}", NOON - 9 * DAY)
    asked: list[bool] = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 2

    retention(world, batch=1).step(NOON, stopped)
    assert world.names("s3://lake/")[-1] == "c"


# --- lifecycle rules --------------------------------------------------------------------------------------------------


def test_a_rule_takes_objects_of_its_prefix_at_midnight_after_its_days(world: World) -> None:
    ruled(world, LifecycleRule("logs", "logs/", 3), LifecycleRule("off", "", 1, enabled=False))
    written = datetime(2026, 6, 25, 10, 30, tzinfo=UTC)
    log, other = laid(world, "s3://lake/logs/a", written), laid(world, "s3://lake/other", written)
    upkeep = retention(world, RetentionSettings())
    upkeep.step(datetime(2026, 6, 28, 23, 59, tzinfo=UTC))
    assert there(world, log)
    upkeep.step(datetime(2026, 6, 29, tzinfo=UTC))
    assert (there(world, log), there(world, other)) == (False, True)


def test_of_two_rules_for_an_object_the_shorter_holds(world: World) -> None:
    ruled(world, LifecycleRule("long", "", 300), LifecycleRule("short", "a", 1))
    uri = laid(world, "s3://lake/a", NOON - 3 * DAY)
    retention(world).step(NOON)
    assert not there(world, uri)


# --- what is needed ---------------------------------------------------------------------------------------------------


def scheduled(
    world: World, monitor: str = "DataQuality", expression: str = "cron(0 * ? * * *)", **more: object
) -> None:
    members = definition(monitor, **more)  # type: ignore[arg-type]  # keywords of `definition`
    world.monitoring.definitions.create(monitor, "job", members, "me")  # type: ignore[arg-type]  # a kind's name
    world.monitoring.schedules.create("hourly", timetable(expression) | {"MonitoringType": monitor}, "me")
    world.monitoring.tick(world.clock.now())


def test_records_of_a_window_that_was_not_run_are_held_and_go_once_it_was(world: World) -> None:
    serving(world)
    scheduled(world, expression=DAILY)
    uri = captured_at(world, NOON)
    later = world.clock.advance(20 * 86400)
    upkeep = retention(world)
    swept = upkeep.step(later)
    assert (swept.objects, swept.held, swept.held_bytes) == (0, 1, 1)
    assert upkeep.figures()["held_objects"] == 1
    world.monitoring.tick(later)
    assert upkeep.step(later).held == 1, "handed out, but not run"
    world.worker.step(later)
    assert upkeep.step(later).objects == 1
    assert not there(world, uri)


def test_a_stopped_schedule_holds_nothing(world: World) -> None:
    serving(world)
    scheduled(world)
    captured_at(world, NOON)
    world.monitoring.schedules.stop("hourly", "me")
    assert retention(world).step(world.clock.advance(20 * 86400)).objects == 1


@pytest.mark.parametrize(("horizon", "deleted"), [("P30D", 0), ("P19D", 0), ("P5D", 1)])
def test_labels_and_records_stay_as_long_as_labels_may_come_late(world: World, horizon: str, deleted: int) -> None:
    serving(world)
    environment: Members = {"Environment": {"watchpost_label_horizon": horizon}}
    application: Members = {**environment, "ProblemType": "Regression"}
    scheduled(world, "ModelQuality", DAILY, ground_truth="s3://lake/labels", application=application)
    captured_at(world, NOON)
    ruled(world, LifecycleRule("labels", "labels/", 10))
    laid(world, f"s3://lake/labels/{NOON:%Y/%m/%d/%H}/a.jsonl", NOON)
    later = world.clock.advance(20 * 86400)
    world.monitoring.tick(later)
    world.worker.step(later)
    swept = retention(world).step(later)
    assert (swept.objects, swept.held) == (2 * deleted, 2 * (1 - deleted))


def test_a_rule_for_the_whole_bucket_spares_what_schedules_are_judged_by(world: World) -> None:
    scheduled(
        world,
        constraints="s3://lake/baseline/constraints.json",
        statistics="s3://lake/baseline/statistics.json",
        application={"RecordPreprocessorSourceUri": "s3://lake/code/pre.py"},
    )
    ruled(world, LifecycleRule("all", "", 1))
    needed = [
        laid(world, f"s3://lake/{key}", NOON - 900 * DAY)
        for key in ("baseline/constraints.json", "baseline/statistics.json", "code/pre.py")
    ]
    laid(world, "s3://lake/baseline/old.json", NOON - 900 * DAY)
    swept = retention(world, RetentionSettings()).step(NOON)
    assert (swept.objects, swept.held) == (1, 3)
    assert all(there(world, uri) for uri in needed)


def test_batches_hold_the_files_their_manifests_lead_to(world: World) -> None:
    batch: Members = {"DataCapturedDestinationS3Uri": "s3://lake/batch", "DatasetFormat": {"Csv": {"Header": True}}}
    scheduled(world, batch=batch)
    manifest = '[{"prefix": "s3://lake/transform/"}, "out-1.csv"]'
    needed = [
        laid(world, f"s3://lake/batch/output/{NOON:%Y/%m/%d/%H}/m.json", NOON, manifest),
        laid(world, "s3://lake/transform/out-1.csv", NOON),
    ]
    laid(world, "s3://lake/transform/out-2.csv", NOON)
    ruled(world, LifecycleRule("all", "", 1))
    swept = retention(world, RetentionSettings()).step(world.clock.advance(20 * 86400))
    assert (swept.objects, swept.held) == (1, 2)
    assert all(there(world, uri) for uri in needed)


# --- executions and reports -------------------------------------------------------------------------------------------


def ran(world: World, times: int) -> None:
    """An hourly schedule with that many executions, each with a report."""
    world.clock.advance(1800)
    scheduled(world)
    for hour in range(times):
        world.put(f"s3://lake/capture/homes/AllTraffic/{NOON + hour * HOUR:%Y/%m/%d/%H}/a.jsonl", "x")
        world.settle(3600)
    for execution in world.monitoring.executions.all("hourly"):
        for name in ("report.json", "30/report.json"):
            world.put(f"s3://lake/reports/homes/hourly/{execution.scheduled:%Y/%m/%d/%H}/{name}", "y")


def test_old_executions_and_their_jobs_go_and_the_journal_stays(world: World) -> None:
    ran(world, 6)
    ended = len(world.journal("monitoring-execution.end"))
    assert (len(world.monitoring.executions.all()), ended) == (6, 6)
    later = NOON + 3 * HOUR + 400 * DAY + HOUR / 2
    upkeep = retention(world, RetentionSettings(executions=Executions(400)))
    upkeep.step(later)
    assert [each.scheduled for each in world.monitoring.executions.all()] == [NOON + n * HOUR for n in (4, 5, 6)]
    assert len(world.monitoring.processing.all()) == 3
    assert len(world.journal("monitoring-execution.end")) == ended
    [line] = world.journal("monitoring-executions.expired")
    assert line.entry.data["executions"] == 3


def test_reports_go_by_their_own_age_and_only_those_of_old_executions(world: World) -> None:
    ran(world, 3)
    later = NOON + 2 * HOUR + 30 * DAY + HOUR / 2
    upkeep = retention(world, RetentionSettings(reports=Reports(30)))
    assert upkeep.step(later).objects == 2
    left = world.names("s3://lake/reports/homes/hourly/2026/07/01/")
    assert left == ["13/30/report.json", "14/30/report.json", "15/30/report.json", "15/report.json"]
    assert upkeep.step(later).objects == 0
    assert len(world.monitoring.executions.all()) == 3


@pytest.mark.parametrize("asked", [Window(NOON, NOON + HOUR), Window(NOON - HOUR, NOON + HOUR)], ids=["of", "none of"])
def test_a_report_that_is_made_again_after_it_aged_out_goes_at_the_next_look(world: World, asked: Window) -> None:
    ran(world, 3)
    upkeep = retention(world, RetentionSettings(reports=Reports(30)))
    later = world.clock.advance(31 * 24 * 3600)
    upkeep.step(later)
    world.monitoring.schedules.stop("hourly", "me")
    again = world.monitoring.run_window("hourly", asked, "me")
    assert upkeep.step(later).objects == 0
    world.worker.step(later)
    [(_, place)] = outputs_of(world.monitoring.processing.describe(again.job).members)
    made = world.put(f"{place}/report.json", "again")
    assert upkeep.step(world.clock.advance(3600)).objects == 1
    assert not there(world, made)
    world.put(made, "by another hand")
    assert upkeep.step(world.clock.advance(2 * 3600)).objects == 0


def test_reports_stay_unless_somebody_said_how_long(world: World) -> None:
    ran(world, 1)
    retention(world, RetentionSettings()).step(NOON + 5000 * DAY)
    assert len(world.names("s3://lake/reports/")) == 2


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_read_from_the_home_folder(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == RetentionSettings()
    tables = ["captures]\nkeep_days = 90", "reports]\nkeep_days = 500", "executions]\nkeep_days = 30"]
    tables += ["disk]\nwarn_percent_free = 5"]
    (tmp_path / "retention.toml").write_text("".join(f"[{table}\n" for table in tables))
    settings = read_settings(tmp_path)
    assert settings == RetentionSettings(Captures(90), Reports(500), Executions(30), Disk(5.0))
    assert settings.execution_days == 500, "a report is found by its execution"


@pytest.mark.parametrize("text", ["[captures]\nkeep_days = 0", "[captures]\ndays = 3", "captures", "[x]"])
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "retention.toml").write_text(text)
    with pytest.raises(Misconfigured, match=r"retention\.toml"):
        read_settings(tmp_path)


class Elsewhere:
    """Objects that lie in a store elsewhere, as far as it matters."""

    def local_path(self, uri: str) -> None:
        return None


@pytest.mark.parametrize("settings", [KEPT_10, RetentionSettings(reports=Reports(10))])
def test_days_for_files_that_lie_elsewhere_are_refused_at_the_start(
    store: Store, clock: ManualClock, tmp_path: Path, settings: RetentionSettings
) -> None:
    def made(given: RetentionSettings) -> Retention:
        return Retention(store, clock, Configuration(home=tmp_path), Elsewhere(), given, "server")  # type: ignore[arg-type]  # all that is asked of it

    with pytest.raises(Misconfigured, match="lifecycle rules"):
        made(settings)
    assert made(RetentionSettings()).step(NOON).objects == 0
    assert made(RetentionSettings()).disk() == {}


def test_the_disk_under_the_objects_is_measured(world: World) -> None:
    disk = retention(world).disk()
    assert 0 < disk["free"] <= disk["total"]
