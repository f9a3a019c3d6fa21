"""Labels that come late run their windows again by themselves: once each, soon, and with figures that replace."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.identity import Datum, Metric, MetricStat
from watchpost.service.clock import ManualClock
from watchpost.service.metrics.metrics import Metrics
from watchpost.service.monitoring.documents import Members, MonitoringType
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.runs import Asked
from watchpost.stores.objects.folder import FolderObjects
from watchpost.stores.objects.objects import Objects
from watchpost.stores.open import open_store
from watchpost.stores.store import Store
from watchpost.windows import Window

from .monitored import HOUR, World, capture_line, captured, definition, label_line, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SOON: Members = {"Environment": {"watchpost_data_ready_after": "PT0S", "watchpost_restate_after": "PT20M"}}
FAILED = Finished("Failed", "out of luck", "out of luck")
SETTLED = 1800.0  # twenty minutes, the look before, and some


class Counts:
    """A stand-in for runs: the figure of a window is how many labels there are; the report says it."""

    def __init__(self) -> None:
        self.objects: Objects | None = None
        self.jobs: list[str] = []
        self.end: Finished | None = None

    def __call__(self, task: Task, asked: Asked) -> Finished:
        assert self.objects is not None
        self.jobs.append(task.job.name)
        if self.end is not None:
            return self.end
        labels = sum(
            len(self.objects.get("lake", info.key).splitlines()) for info in self.objects.walk("lake", "labels/")
        )
        config = task.job.members["ProcessingOutputConfig"]
        assert isinstance(config, dict)
        uri = config["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://lake/")
        self.objects.put("lake", f"{uri}/report.json", str(labels).encode())
        environment = task.job.members["Environment"]
        assert isinstance(environment, dict)
        at = datetime.fromisoformat(environment["start_time"]).timestamp()
        data = [figure("accuracy", at, float(labels))]
        data += [figure("auc", at, 0.5)] if labels < 3 else []
        return Finished("Completed", "Completed: fine", metrics=tuple(data))


def figure(name: str, at: float, value: float) -> Datum:
    dimensions = {"Endpoint": "homes", "MonitoringSchedule": "hourly"}
    return Datum(Metric.of("aws/sagemaker/Endpoints/model-metrics", name, dimensions), at, (value,), (1.0,))


@pytest.fixture
def runs() -> Counts:
    return Counts()


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path, runs: Counts) -> World:
    made = World(store, clock, tmp_path, execute=runs)
    runs.objects = made.objects
    return made


def scheduled(
    world: World, monitor: MonitoringType = "ModelQuality", application: Members = SOON, **more: object
) -> None:
    members = definition(monitor, ground_truth="s3://lake/labels", application=application, **more)  # type: ignore[arg-type]  # keywords of `definition`
    world.monitoring.definitions.create(monitor, "job", members, "me")
    world.monitoring.schedules.create("hourly", timetable() | {"MonitoringType": monitor}, "me")
    settle(world)


def settle(world: World, seconds: float = 0) -> None:
    """Time passes in steps of five minutes: what is due is run, and labels are looked for."""
    while True:
        now = world.clock.advance(min(seconds, 300))
        seconds -= 300
        world.monitoring.tick(now)
        world.monitoring.late_labels.tick(now)
        world.worker.step(now)
        if seconds <= 0:
            return


def traffic(world: World, hours: Sequence[int], start: datetime = NOON) -> None:
    for hour in hours:
        at = start + hour * HOUR
        captured(world, at, [capture_line("1", "2", at + timedelta(minutes=m), f"e{hour}-{m}") for m in (10, 40)])


def labelled(world: World, at: datetime, events: Sequence[str], name: str = "a") -> None:
    """Put a label file as it would be put now, by the world's clock."""
    uri = f"s3://lake/labels/{at:%Y/%m/%d/%H}/{name}.jsonl"
    world.put(uri, "".join(f"{label_line(event, '1')}\n" for event in events))
    stamp(world, uri)


def stamp(world: World, uri: str, at: datetime | None = None) -> None:
    path = world.objects.local_path(uri)
    assert path is not None
    seconds = (at or world.clock.now()).timestamp()
    os.utime(path, (seconds, seconds))


def revisions(world: World) -> dict[int, int]:
    """How often each window was run, by the hour it begins at after noon."""
    return {
        int((each.start - NOON) / HOUR): each.revision
        for each in world.monitoring.executions.all("hourly")
        if each.start is not None
    }


def values(world: World, name: str = "accuracy") -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for datum in world.around.metrics:
        if datum.metric.name == name:
            hour = int((datum.timestamp - NOON.timestamp()) // 3600)
            found.setdefault(hour, []).extend(datum.values)
    return found


# --- which windows, and when ------------------------------------------------------------------------------------------


def test_late_labels_run_the_windows_of_their_records_again_and_no_other(world: World) -> None:
    traffic(world, range(4))
    scheduled(world)
    settle(world, 4 * 3600)
    labelled(world, NOON + 4 * HOUR, ["e1-10", "e3-40", "nobody"])
    settle(world, SETTLED)
    assert {hour for hour, count in revisions(world).items() if count == 2} == {1, 3}


def test_a_window_waits_for_the_settling_delay_and_takes_all_labels_of_it_at_once(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, 600)
    labelled(world, NOON + HOUR, ["e0-40"], "b")
    settle(world, 300)
    waiting = world.monitoring.late_labels.waiting()
    assert [(each.labels, each.files) for each in waiting.values()] == [(2, 2)]
    assert revisions(world)[0] == 1
    settle(world, SETTLED)
    assert (revisions(world)[0], world.monitoring.late_labels.waiting()) == (2, {})


def test_labels_that_were_there_in_time_restate_nothing(world: World) -> None:
    traffic(world, range(3))
    labelled(world, NOON, ["e0-10", "e0-40"])
    scheduled(world)
    labelled(world, NOON + HOUR, ["e1-10"])
    stamp(world, "s3://lake/labels/2026/07/01/13/a.jsonl", NOON + 90 * timedelta(minutes=1))
    settle(world, 6 * 3600)
    assert set(revisions(world).values()) == {1}


def test_without_new_labels_nothing_is_run_again(world: World) -> None:
    traffic(world, range(2))
    scheduled(world)
    settle(world, 2 * 3600)
    labelled(world, NOON + 2 * HOUR, ["e0-10"])
    settle(world, 24 * 3600)
    assert revisions(world)[0] == 2
    assert len(world.journal("monitoring-execution.restated")) == 1


def test_labels_that_keep_coming_run_a_window_once_a_settling_delay(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    for number in range(24):
        labelled(world, NOON + HOUR, ["e0-10"], f"n{number}")
        settle(world, 300)
    assert 4 <= revisions(world)[0] <= 7


def test_labels_put_with_an_old_time_are_late_all_the_same(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    settle(world, 3600)
    labelled(world, NOON, ["e0-10"])
    stamp(world, "s3://lake/labels/2026/07/01/12/a.jsonl", NOON)
    settle(world, SETTLED)
    assert revisions(world)[0] == 2


def test_windows_beyond_the_horizon_stay_as_they_are(world: World) -> None:
    traffic(world, [0, 30])
    near: Members = {"Environment": SOON["Environment"] | {"watchpost_label_horizon": "P1D"}}  # type: ignore[operator]  # a mapping
    scheduled(world, application=near)
    settle(world, 32 * 3600)
    labelled(world, NOON + 32 * HOUR, ["e0-10", "e30-10"])
    settle(world, SETTLED)
    assert (revisions(world)[0], revisions(world)[30]) == (1, 2)


def test_restating_can_be_switched_off_and_a_delay_that_is_none_is_refused(
    world: World, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="watchpost_restate_after"):
        scheduled(world, application={"Environment": {"watchpost_restate_after": "soon"}})
    traffic(world, [0])
    never: Members = {"Environment": {"watchpost_data_ready_after": "PT0S", "watchpost_restate_after": "never"}}
    scheduled(world, application=never)
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, 7200)
    assert revisions(world)[0] == 1


def test_data_quality_has_no_labels_to_wait_for(world: World) -> None:
    traffic(world, [0])
    world.monitoring.definitions.create("DataQuality", "job", definition("DataQuality", application=SOON), "me")
    world.monitoring.schedules.create("hourly", timetable(), "me")
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, SETTLED)
    assert revisions(world)[0] == 1


def test_a_stopped_schedule_restates_when_it_is_started_again(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    world.monitoring.schedules.stop("hourly", "me")
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, SETTLED)
    before = revisions(world)[0]
    world.monitoring.schedules.start("hourly", "me")
    settle(world, SETTLED)
    assert (before, revisions(world)[0]) == (1, 2)


def test_windows_within_an_hour_are_told_apart_by_the_times_of_their_records(world: World) -> None:
    traffic(world, [0])
    world.monitoring.definitions.create(
        "ModelQuality", "job", definition("ModelQuality", ground_truth="s3://lake/labels", application=SOON), "me"
    )
    halves = timetable("cron(0/30 * ? * * *)") | {"MonitoringType": "ModelQuality"}
    world.monitoring.schedules.create("hourly", halves, "me")
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-40"])
    settle(world, SETTLED)
    found = {each.start: each.revision for each in world.monitoring.executions.all() if each.start is not None}
    assert (found[NOON], found[NOON + HOUR / 2]) == (1, 2)


def test_two_servers_restate_a_window_once(
    world: World, store: Store, clock: ManualClock, tmp_path: Path, runs: Counts
) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    other = World(store, clock, tmp_path, execute=runs, name="other")
    labelled(world, NOON + HOUR, ["e0-10"])
    for _ in range(8):
        now = clock.advance(300)
        assert other.monitoring.late_labels.tick(now) + world.monitoring.late_labels.tick(now) <= 1
        other.worker.step(now)
        world.worker.step(now)
    assert revisions(world)[0] == 2


def test_a_restart_forgets_no_label(
    world: World, store: Store, clock: ManualClock, tmp_path: Path, runs: Counts
) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, 600)
    again = World(store, clock, tmp_path, execute=runs)
    settle(again, SETTLED)
    assert revisions(again)[0] == 2


arrivals = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([10, 40]), st.integers(1, 6)), min_size=1, max_size=6)


@given(arrivals)
@settings(max_examples=6)
def test_in_the_end_every_window_was_judged_with_all_its_labels(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[tuple[int, int, int]]
) -> None:
    store, clock, runs = open_store("sqlite://"), ManualClock(NOON), Counts()
    world = World(store, clock, tmp_path_factory.mktemp("home"), execute=runs)
    runs.objects = world.objects
    traffic(world, range(4))
    scheduled(world)
    last: dict[int, datetime] = {}
    for number, (hour, minute, wait) in enumerate(arrivals):
        settle(world, wait * 300)
        labelled(world, NOON + 4 * HOUR, [f"e{hour}-{minute}"], f"n{number}")
        last[hour] = clock.now()
    settle(world, 5 * 3600)
    begun = {int((e.start - NOON) / HOUR): e.begun for e in world.monitoring.executions.all() if e.start is not None}
    for hour, at in last.items():
        judged = begun[hour]
        assert judged is not None
        assert judged >= at
    assert sum(revisions(world).values()) <= len(begun) + len(arrivals)
    assert all(len(found) == 1 for found in values(world).values())
    store.close()


# --- what a revision leaves -------------------------------------------------------------------------------------------


def restated(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    labelled(world, NOON, ["e0-10"], "first")
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10", "e0-40"])
    settle(world, SETTLED)


def test_the_newest_figures_are_the_only_ones_and_those_that_vanished_are_gone(world: World) -> None:
    restated(world)
    assert values(world)[0] == [3.0]
    assert 0 not in values(world, "auc")


def test_reports_of_all_revisions_are_kept_and_the_newest_lies_where_it_always_does(world: World) -> None:
    restated(world)
    place = "s3://lake/reports/homes/hourly/2026/07/01/13"
    assert (world.text(f"{place}/report.json"), world.text(f"{place}/revisions/1/report.json")) == ("3", "1")


def test_the_execution_list_shows_the_revision_by_its_job(world: World, runs: Counts) -> None:
    restated(world)
    execution = next(each for each in world.monitoring.executions.all("hourly") if each.start == NOON)
    assert (execution.revision, execution.job[-3:], len(execution.job)) == (2, "-r2", len(runs.jobs[0]))
    jobs = [world.monitoring.processing.describe(name).status for name in runs.jobs if "202607011300" in name]
    assert jobs == ["Completed", "Completed"]


def test_an_event_and_the_journal_tell_the_figures_before_and_after(world: World) -> None:
    restated(world)
    [line] = world.journal("monitoring-execution.restated")
    figures = {"accuracy": {"was": 1.0, "is": 3.0}, "auc": {"was": 0.5, "is": None}}
    assert (line.entry.data["figures"], line.entry.data["revision"]) == (figures, 2)
    [event] = [each for each in world.around.events if each.detail_type == "Model Monitor Window Restated"]
    assert event.detail["Figures"]["accuracy"] == {"Was": 1.0, "Is": 3.0}  # type: ignore[index]  # JSON
    assert event.detail["Before"]["Revision"] == 1  # type: ignore[index]  # JSON
    [pending] = [each for each in world.journal("monitoring-execution.pending") if each.entry.data["again"]]
    assert pending.entry.data["why"] == "labels of 2 records came late"


def restated_in_vain(world: World, runs: Counts) -> None:
    """A window ran, labels came late, and the run that was to take them in failed."""
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    runs.end = FAILED
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, SETTLED)


def test_a_revision_that_fails_leaves_what_stood(world: World, runs: Counts) -> None:
    restated_in_vain(world, runs)
    execution = next(each for each in world.monitoring.executions.all("hourly") if each.start == NOON)
    assert (execution.status, execution.revision, execution.job) == ("Completed", 1, runs.jobs[0])
    assert [alert.status for alert in world.monitoring.alerts.of("hourly")] == ["OK"]
    runs.end = None
    world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    settle(world)
    execution = next(each for each in world.monitoring.executions.all("hourly") if each.start == NOON)
    assert (execution.revision, execution.job[-3:]) == (3, "-r3")


def test_a_run_for_late_labels_that_fails_is_tried_again(world: World, runs: Counts) -> None:
    restated_in_vain(world, runs)
    assert len(world.monitoring.late_labels.waiting()) == 1
    runs.end = None
    settle(world, SETTLED)
    assert (revisions(world)[0], values(world)[0]) == (3, [1.0])
    assert world.monitoring.late_labels.waiting() == {}
    settle(world, 4 * SETTLED)
    assert revisions(world)[0] == 3


def test_a_run_for_late_labels_that_keeps_failing_is_given_up_until_more_come(world: World, runs: Counts) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    runs.end = FAILED
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, 4 * SETTLED)
    tried = [job for job in runs.jobs if "-r" in job]
    assert [job[-3:] for job in tried] == ["-r2", "-r3", "-r4"]
    [line] = world.journal("monitoring-restatement.given-up")
    assert (line.entry.data["tries"], line.entry.data["why"]) == (3, "out of luck")
    assert world.monitoring.late_labels.waiting() == {}
    runs.end = None
    labelled(world, NOON + HOUR, ["e0-40"], "b")
    settle(world, SETTLED)
    assert (revisions(world)[0], values(world)[0]) == (5, [2.0])


def test_a_run_for_late_labels_that_somebody_stopped_is_not_tried_again(world: World, runs: Counts) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    runs.end = Finished("Stopped", "The job was stopped.")
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, SETTLED)
    runs.end = None
    settle(world, 2 * SETTLED)
    assert (revisions(world)[0], len([job for job in runs.jobs if "-r" in job])) == (1, 1)


def test_labels_that_only_a_failed_run_has_read_are_still_late(world: World, runs: Counts) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, 600)
    assert len(world.monitoring.late_labels.waiting()) == 1
    runs.end = FAILED
    world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    settle(world)
    runs.end = None
    settle(world, SETTLED)
    assert (revisions(world)[0], values(world)[0]) == (3, [1.0])


def test_what_is_remembered_of_captures_may_be_cut_off_or_gone(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    labelled(world, NOON + HOUR, ["e0-10"])
    settle(world, SETTLED)
    remembered = list(world.home.rglob("*.npy"))
    assert remembered
    for path in remembered:
        path.write_bytes(path.read_bytes()[:50])
    labelled(world, NOON + HOUR, ["e0-40"], "b")
    settle(world, SETTLED)
    assert (revisions(world)[0], values(world)[0]) == (3, [2.0])


def test_label_files_that_every_run_has_read_are_not_read_for_their_ids(
    store: Store, clock: ManualClock, tmp_path: Path, runs: Counts
) -> None:
    read = list[str]()

    class Noting(FolderObjects):
        def local_path(self, uri: str) -> Path | None:
            read.append(uri)
            return super().local_path(uri)

    world = World(store, clock, tmp_path, execute=runs, objects=Noting(tmp_path / "objects"))
    runs.objects = world.objects
    traffic(world, [0])
    labelled(world, NOON, ["e0-10"], "early")
    stamp(world, "s3://lake/labels/2026/07/01/12/early.jsonl", NOON - HOUR)
    read.clear()
    scheduled(world)
    settle(world, 3600)
    assert world.monitoring.late_labels.waiting() == {}
    labelled(world, NOON + HOUR, ["e0-40"], "late")
    settle(world, SETTLED)
    assert revisions(world)[0] == 2
    assert {uri.rpartition("/")[2] for uri in read if "/labels/" in uri} == {"late.jsonl"}


def test_a_window_whose_captures_are_gone_keeps_its_report(world: World) -> None:
    traffic(world, [0])
    scheduled(world)
    settle(world, 3600)
    for info in list(world.objects.walk("lake", "capture/")):
        world.objects.delete("lake", info.key)
    world.monitoring.run_window("hourly", Window(NOON, NOON + HOUR), "me")
    settle(world)
    execution = next(each for each in world.monitoring.executions.all("hourly") if each.start == NOON)
    assert (execution.status, execution.revision) == ("Completed", 1)
    assert world.text("s3://lake/reports/homes/hourly/2026/07/01/13/report.json") == "0"


def test_a_run_of_an_hour_leaves_the_reports_of_times_within_it(world: World) -> None:
    world.put("s3://lake/reports/homes/hourly/2026/07/01/13/30/report.json", "half past")
    restated(world)
    assert world.text("s3://lake/reports/homes/hourly/2026/07/01/13/30/report.json") == "half past"


def test_the_metric_store_itself_answers_with_the_restated_figure(
    store: Store, clock: ManualClock, tmp_path: Path, runs: Counts
) -> None:
    world = World(store, clock, tmp_path, execute=runs)
    runs.objects = world.objects
    metrics = Metrics(store, clock)
    around = world.around
    around.put_within = metrics.put_within  # type: ignore[method-assign]  # the real store in the recorder's place
    around.replace_within = metrics.replace_within  # type: ignore[method-assign]  # as above
    restated(world)
    metrics.fold(clock.now())
    question = MetricStat(figure("accuracy", 0, 0).metric, 3600, "Sum")
    points = metrics.read(question, int(NOON.timestamp()), int(clock.now().timestamp()))
    assert dict(zip(points.timestamps.tolist(), points.values.tolist(), strict=True))[int(NOON.timestamp())] == 3.0


def test_late_labels_of_a_real_run_change_its_figures(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    world = World(store, clock, tmp_path)
    lines = [capture_line("1", f"{i % 2}", NOON + timedelta(seconds=i), f"e{i}") for i in range(60)]
    captured(world, NOON, lines)
    world.clock.advance(3600)
    application: Members = {"ProblemType": "BinaryClassification", "Environment": SOON["Environment"]}
    world.put(
        "s3://lake/quality/constraints.json", json.dumps({"version": 0.0, "binary_classification_constraints": {}})
    )
    members = definition(
        "ModelQuality",
        constraints="s3://lake/quality/constraints.json",
        ground_truth="s3://lake/labels",
        application=application,
        endpoint={"InferenceAttribute": "0"},
    )
    labelled(world, NOON, [], "none")
    world.put(
        "s3://lake/labels/2026/07/01/12/a.jsonl", "".join(f"{label_line(f'e{i}', str(i % 2))}\n" for i in range(30))
    )
    stamp(world, "s3://lake/labels/2026/07/01/12/a.jsonl")
    world.clock.advance(60)
    world.monitoring.definitions.create("ModelQuality", "job", members, "me")
    now = timetable("NOW", start="-PT1H1M", end="-PT1M") | {"MonitoringType": "ModelQuality"}
    world.monitoring.schedules.create("hourly", now, "me")
    settle(world)
    first = values(world)[0]
    world.clock.advance(60)
    world.put("s3://lake/labels/2026/07/01/13/b.jsonl", "".join(f"{label_line(f'e{i}', '1')}\n" for i in range(30, 60)))
    stamp(world, "s3://lake/labels/2026/07/01/13/b.jsonl")
    settle(world, SETTLED)
    assert (first, values(world)[0]) == ([1.0], [0.75])
