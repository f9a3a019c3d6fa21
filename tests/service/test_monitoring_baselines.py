"""Baselines as versions that belong to model versions: made, changed, chosen, and said when they do not fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.runners import Container
from watchpost.service.baselines.baselines import Lineage
from watchpost.service.baselines.served import ServedModel, mismatch, models_served, several
from watchpost.service.clock import ManualClock
from watchpost.service.endpoints.documents import Capture, Deployment, EndpointDocument, ModelDocument, Shift, Variant
from watchpost.service.endpoints.serving import (
    SERVING,
    Serving,
    ServingVariant,
    note_serving,
    serving_between,
    serving_history,
)
from watchpost.service.monitoring.documents import Members
from watchpost.service.processing.execution import Finished, Task
from watchpost.service.processing.inputs import inputs_of
from watchpost.service.processing.runs import Asked
from watchpost.service.registry.documents import MODEL_PACKAGE, ModelPackage
from watchpost.service.registry.tags import write_tags
from watchpost.stores.objects.objects import bucket_and_key
from watchpost.stores.store import Store

from .monitored import HOUR, World, baseline_job, definition, timetable

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PACKAGES = "arn:aws:sagemaker:us-east-1:000000000000:model-package"
DONE = "Completed: Job completed successfully with no violations."


@dataclass
class Judge:
    """Stands in for runs: reads the baseline's files and leaves `made`; remembers which files it was given."""

    home: Path
    world: World | None = None
    made: dict[str, str] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)

    def __call__(self, task: Task, _asked: Asked) -> Finished:
        assert self.world is not None
        names = {"constraints": "baseline_constraints", "baseline": "baseline_statistics"}
        read = dict[str, str]()
        for each in inputs_of(task.job.members.get("ProcessingInputs")):
            if each.input_name in names and each.s3_input is not None:
                body = self.world.objects.get(*bucket_and_key(each.s3_input.s3_uri))
                self.given.append(each.s3_input.s3_uri)
                read[names[each.input_name]] = sha256(body).hexdigest()
        return Finished("Completed", DONE, files=self.made if task.monitor is None else {}, baseline=read)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


@pytest.fixture
def world(store: Store, clock: ManualClock, tmp_path: Path, judge: Judge) -> World:
    judge.world = World(store, clock, tmp_path, execute=judge)
    return judge.world


def serves(world: World, at: datetime, *models: str, packages: Mapping[str, str] | None = None) -> None:
    """From an instant on the endpoint serves these models, a variant each."""
    variants = tuple(ServingVariant(f"v{n}", name, (packages or {}).get(name)) for n, name in enumerate(models))
    line = Serving("homes", at, variants)
    world.store.write(lambda tx: tx.put(SERVING, f"homes|{at:%Y-%m-%dT%H:%M:%S.%f}", line))


def homes(version: int) -> str:
    return f"{PACKAGES}/homes/{version}"


def registered(
    world: World, version: int, members: Members | None = None, tags: Mapping[str, str] | None = None
) -> None:
    package = ModelPackage("homes", homes(version), NOON, NOON, "me", "me", members or {}, "homes", version, "Approved")

    def work(tx) -> None:  # type: ignore[no-untyped-def]  # a transaction
        tx.put(MODEL_PACKAGE, package.key, package)
        write_tags(tx, package.arn, tags or {}, package.created)

    world.store.write(work)


def drift_check(prefix: str, kind: str = "ModelDataQuality") -> Members:
    return {
        "DriftCheckBaselines": {
            kind: {
                "Constraints": {"ContentType": "application/json", "S3Uri": f"{prefix}/constraints.json"},
                "Statistics": {"ContentType": "application/json", "S3Uri": f"{prefix}/statistics.json"},
            }
        }
    }


def hourly(world: World, **environment: str) -> None:
    """An hourly schedule judged by the baseline at `s3://lake/baseline`."""
    put(world, "s3://lake/baseline")
    members = definition(
        "DataQuality",
        constraints="s3://lake/baseline/constraints.json",
        statistics="s3://lake/baseline/statistics.json",
        application={"Environment": {"watchpost_data_ready_after": "PT0S", **environment}},
    )
    world.monitoring.definitions.create("DataQuality", "job", members, "me")
    world.clock.advance(1)
    world.monitoring.schedules.create("hourly", timetable(), "me")
    world.monitoring.tick(world.clock.now())


def put(world: World, prefix: str, text: str = "{}") -> None:
    for name in ("constraints.json", "statistics.json"):
        world.put(f"{prefix}/{name}", text)


def run(world: World) -> str:
    """Run the next hour's window; its exit message."""
    at = world.clock.now()
    world.put(f"s3://lake/capture/homes/AllTraffic/{at:%Y/%m/%d/%H}/a.jsonl", "x")
    world.settle(3600)
    execution = world.execution()
    assert execution.message is not None
    assert execution.status == "Completed"
    assert world.monitoring.processing.describe(execution.job).message == execution.message
    return execution.message.removeprefix(DONE).strip()


def lineage(world: World) -> Lineage:
    found = world.monitoring.lineage(world.execution())
    assert found is not None
    return found


def mismatches(world: World) -> list[object]:
    return [event.detail for event in world.around.events if event.detail_type == "Model Monitor Baseline Mismatch"]


# --- which models served ----------------------------------------------------------------------------------------------

minutes = st.integers(0, 600)
histories = st.lists(
    st.tuples(minutes, st.lists(st.sampled_from("abc"), max_size=2, unique=True)), unique_by=lambda each: each[0]
).map(lambda lines: [line(at, models) for at, models in sorted(lines)])


def line(at: int, models: list[str]) -> Serving:
    variants = tuple(ServingVariant(name, name) for name in models)
    return Serving("homes", NOON + timedelta(minutes=at), variants)


@given(histories, minutes, st.integers(1, 600))
def test_at_every_minute_of_a_window_those_models_served_that_the_history_says(
    history: list[Serving], start: int, length: int
) -> None:
    begin, end = NOON + timedelta(minutes=start), NOON + timedelta(minutes=start + length)
    served = models_served(history, begin, end)
    for minute in range(start, start + length):
        at = NOON + timedelta(minutes=minute)
        before = [each for each in history if each.at <= at]
        truth = {one.model for one in before[-1].variants} if before else set()
        assert {one.model for one in served if one.since <= at and (one.until is None or at < one.until)} == truth
    assert all(one.until is None or begin < one.until < end for one in served)
    ends = [*(each.at for each in history[1:]), datetime.max.replace(tzinfo=UTC)][: len(history)]
    held = [each.at for each, until in zip(history, ends, strict=True) if each.at < end and until > begin]
    assert [each.at for each in serving_between(history, begin, end)] == held


@given(st.sets(st.sampled_from(["homes/1", "homes/2", "m"])), st.sets(st.sampled_from(["homes/1", "homes/2"])))
def test_a_mismatch_is_told_exactly_when_another_version_served_and_the_owner_is_known(
    owners: set[str], names: set[str]
) -> None:
    served = [ServedModel("any", name, ("v",), NOON) for name in sorted(names)]
    assert bool(mismatch(owners, served)) == bool(owners and names - owners)
    assert bool(several(served)) == (len(names) > 1)


def test_an_endpoints_fleets_and_their_shift_make_its_history(store: Store) -> None:
    def fleet(name: str, package: str | None = None) -> Deployment:
        variant = Variant("main", name, Container("image", "", ()), 1.0, 1, package=package)
        idle = Variant("idle", "idle", Container("image", "", ()), 0.0, 1)
        return Deployment(name, "config", (variant, idle), capture=Capture(True, 100, "s3://lake/capture"))

    old, new = fleet("old"), fleet("new", homes(4))
    first = EndpointDocument("homes", "arn", "config", "InService", NOON, NOON, live=old)
    shifting = EndpointDocument("homes", "arn", "config", "Updating", NOON, NOON, old, new, Shift((0.1, 1.0), 60.0, 0))
    canary = EndpointDocument("homes", "arn", "config", "Updating", NOON, NOON, old, new, Shift((0.1, 1.0), 60.0, 1))
    after = EndpointDocument("homes", "arn", "config", "InService", NOON, NOON, live=new, previous=old)
    creating = EndpointDocument("homes", "arn", "config", "Creating", NOON, NOON, pending=old, shift=Shift((1.0,), 0.0))

    def work(tx) -> list[Serving]:  # type: ignore[no-untyped-def]  # a transaction
        for number, document in enumerate((creating, first, first, shifting, canary, after)):
            note_serving(tx, document, NOON + number * HOUR)
        note_serving(tx, after, NOON, gone=True)  # by a clock that was set back
        return serving_history(tx, "homes")

    history = store.write(work)
    assert [(each.at, [one.model for one in each.variants]) for each in history] == [
        (NOON + HOUR, ["old"]),
        (NOON + 4 * HOUR, ["new", "old"]),
        (NOON + 5 * HOUR, []),
    ]
    assert history[1].capture == "s3://lake/capture"


def test_a_model_knows_the_package_it_was_made_of() -> None:
    def model(members: Members) -> str | None:
        return ModelDocument("m", "arn", NOON, Container("image", "", ()), members).package

    assert model({"PrimaryContainer": {"ModelPackageName": homes(3)}}) == homes(3)
    assert model({"Containers": [{"ModelPackageName": "homes"}]}) == "homes"
    assert model({"PrimaryContainer": {"Image": "x"}}) is None


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_baseline_job_makes_a_version_with_its_data_and_its_model(world: World, judge: Judge) -> None:
    judge.made = {"s3://lake/baseline/statistics.json": "a" * 64, "s3://lake/baseline/constraints.json": "b" * 64}
    world.job("first", **baseline_job("s3://lake/train.csv", "s3://lake/baseline", watchpost_model=homes(3)))
    [version] = world.monitoring.baselines("s3://lake/baseline")
    assert (version.version, version.job, version.model, version.monitor) == (1, "first", "homes/3", "DataQuality")
    assert version.data == ("s3://lake/train.csv",)
    [entry] = world.journal("baseline.made")
    assert (entry.entry.data["version"], len(str(entry.entry.data["digest"]))) == (1, 64)


def test_a_baseline_edited_in_place_becomes_a_new_version(world: World) -> None:
    hourly(world)
    run(world)
    run(world)
    assert lineage(world).version == 1
    world.put("s3://lake/baseline/constraints.json", '{"edited": true}')
    run(world)
    assert lineage(world).version == 2
    first, second = world.monitoring.baselines("s3://lake/baseline")
    assert first.files["statistics.json"] == second.files["statistics.json"]
    assert first.files["constraints.json"] != second.files["constraints.json"]
    assert len(world.journal("baseline.found")) == 1
    [changed] = world.journal("baseline.changed")
    assert (changed.entry.data["version"], changed.entry.data["changed"]) == (2, ["constraints.json"])


# --- the model version that a baseline belongs to ---------------------------------------------------------------------


def test_a_baseline_belongs_to_the_version_it_was_first_used_for_until_another_serves(world: World) -> None:
    hourly(world)
    serves(world, NOON, "old")
    assert run(world) == ""
    since = NOON + timedelta(hours=1, minutes=30)
    serves(world, since, "new")
    assert run(world) == (
        "The baseline belongs to model version old, but new served since 2026-07-01T13:30:00Z. "
        "2 model versions served in this window: old from 2026-07-01T12:00:00Z until 2026-07-01T13:30:00Z, "
        "new from 2026-07-01T13:30:00Z."
    )
    assert run(world) == "The baseline belongs to model version old, but new served since 2026-07-01T13:30:00Z."
    found = lineage(world)
    assert (found.owners, [one.model for one in found.served]) == (("old",), ["new"])


def test_a_mismatch_is_an_event_when_it_begins_and_not_at_every_window(world: World) -> None:
    hourly(world)
    serves(world, NOON, "old")
    run(world)
    serves(world, NOON + HOUR, "new")
    for _ in range(3):
        assert run(world)
    assert len(world.journal("baseline.mismatch")) == 1
    [detail] = mismatches(world)
    assert isinstance(detail, Mapping)
    assert (detail["BaselineModelVersions"], detail["ServedModelVersions"]) == (["old"], ["new"])
    serves(world, NOON + 4 * HOUR, "old")
    assert run(world) == ""
    serves(world, NOON + 5 * HOUR, "new")
    run(world)
    assert len(mismatches(world)) == 2


def test_a_new_baseline_ends_the_mismatch(world: World) -> None:
    hourly(world)
    serves(world, NOON, "old")
    run(world)
    serves(world, NOON + HOUR, "new")
    assert run(world)
    put(world, "s3://lake/baseline", '{"learned": "anew"}')
    assert run(world) == ""
    assert lineage(world).owners == ("new",)


def test_a_baseline_registered_with_a_package_belongs_to_it_whatever_served_first(world: World) -> None:
    registered(world, 3, drift_check("s3://lake/baseline"))
    registered(world, 4)
    hourly(world)
    serves(world, NOON, "homes-4", packages={"homes-4": homes(4)})
    assert run(world) == "The baseline belongs to model version homes/3, but homes/4 served since 2026-07-01T12:00:00Z."


def test_a_baseline_registered_with_both_versions_belongs_to_both(world: World) -> None:
    for version in (3, 4):
        registered(world, version, drift_check("s3://lake/baseline"))
    hourly(world)
    serves(world, NOON, "homes-3", packages={"homes-3": homes(3)})
    assert run(world) == ""
    serves(world, NOON + HOUR, "homes-4", packages={"homes-4": homes(4)})
    assert run(world) == ""


def test_a_baseline_for_any_version_is_never_said_not_to_fit(world: World) -> None:
    hourly(world, watchpost_baseline="AnyVersion")
    serves(world, NOON, "old")
    run(world)
    serves(world, NOON + HOUR, "new")
    assert (run(world), mismatches(world)) == ("", [])


def test_an_endpoint_that_this_server_does_not_run_says_nothing(world: World) -> None:
    hourly(world)
    assert run(world) == ""
    assert (lineage(world).served, lineage(world).version) == ((), 1)


# --- a version's own baseline -----------------------------------------------------------------------------------------


def test_the_served_versions_own_baseline_judges_where_the_schedule_says_so(world: World, judge: Judge) -> None:
    for version in (3, 4):
        registered(world, version, drift_check(f"s3://lake/models/{version}"))
        put(world, f"s3://lake/models/{version}", f'{{"of": {version}}}')
    hourly(world, watchpost_baseline="ModelVersion")
    serves(world, NOON, "homes-3", packages={"homes-3": homes(3)})
    assert run(world) == ""
    serves(world, NOON + HOUR, "homes-4", packages={"homes-4": homes(4)})
    assert run(world) == ""
    assert [uri for uri in judge.given if uri.endswith("constraints.json")] == [
        "s3://lake/models/3/constraints.json",
        "s3://lake/models/4/constraints.json",
    ]
    assert (lineage(world).uri, lineage(world).owners) == ("s3://lake/models/4", ("homes/4",))


def test_a_schedule_that_does_not_say_so_keeps_its_own_baseline(world: World, judge: Judge) -> None:
    registered(world, 3, drift_check("s3://lake/models/3"))
    hourly(world)
    serves(world, NOON, "homes-3", packages={"homes-3": homes(3)})
    run(world)
    assert judge.given[0] == "s3://lake/baseline/constraints.json"


def test_a_tag_names_a_versions_own_baseline(world: World, judge: Judge) -> None:
    registered(world, 3, tags={"watchpost_baseline": "s3://lake/tagged/"})
    put(world, "s3://lake/tagged")
    hourly(world, watchpost_baseline="ModelVersion")
    serves(world, NOON, "homes-3", packages={"homes-3": homes(3)})
    run(world)
    assert judge.given == ["s3://lake/tagged/constraints.json", "s3://lake/tagged/statistics.json"]


def test_a_baseline_job_for_a_model_makes_its_own_baseline(world: World, judge: Judge) -> None:
    judge.made = {"s3://lake/made/statistics.json": "a" * 64, "s3://lake/made/constraints.json": "b" * 64}
    world.job("learn", **baseline_job("s3://lake/train.csv", "s3://lake/made", watchpost_model="new"))
    put(world, "s3://lake/made")
    hourly(world, watchpost_baseline="ModelVersion")
    serves(world, NOON, "new")
    run(world)
    assert judge.given == ["s3://lake/made/constraints.json", "s3://lake/made/statistics.json"]


def test_a_version_without_a_baseline_is_judged_by_the_schedules_own_and_that_is_said(world: World) -> None:
    registered(world, 3, drift_check("s3://lake/baseline"))
    registered(world, 4)
    hourly(world, watchpost_baseline="ModelVersion")
    serves(world, NOON, "homes-4", packages={"homes-4": homes(4)})
    assert "belongs to model version homes/3, but homes/4 served" in run(world)


def test_another_word_for_the_baseline_fails_the_execution_by_name(world: World) -> None:
    hourly(world, watchpost_baseline="Newest")
    world.put(f"s3://lake/capture/homes/AllTraffic/{NOON:%Y/%m/%d/%H}/a.jsonl", "x")
    world.settle(3600)
    assert world.execution().status == "Failed"
    assert "expected one of Schedule, ModelVersion, AnyVersion" in str(world.execution().failure)
