"""The model registry and SageMaker's tags, over a real store."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import dictionaries, lists, sampled_from

from watchpost.errors import Refused
from watchpost.events.envelope import Event
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.registry.model_registry import ModelRegistry, PackageChange, described_package
from watchpost.service.registry.tags import MOST_TAGS, SagemakerTags, check_tags
from watchpost.stores.open import open_store
from watchpost.stores.store import Store, Transaction

KEYS = [f"key-{number}" for number in range(60)]


class Heard:
    """An event bus that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, tx: Transaction, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def configuration(tmp_path: Any) -> Configuration:
    return Configuration(tmp_path)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def registry(store: Store, clock: ManualClock, configuration: Configuration, heard: Heard) -> ModelRegistry:
    numbers = iter(range(10**6))
    return ModelRegistry(store, clock, configuration, heard, lambda: str(next(numbers)))


@pytest.fixture
def tags(store: Store, clock: ManualClock, configuration: Configuration) -> SagemakerTags:
    return SagemakerTags(store, clock, configuration)


def test_versions_count_up_and_no_number_is_given_out_twice(registry: ModelRegistry) -> None:
    registry.create_group("prices", {}, "me")
    arns = [registry.create({}, "me", group="prices") for _ in range(3)]
    registry.delete(arns[2], "me")
    arns.append(registry.create({}, "me", group="prices"))
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/prices/{n}" for n in (1, 2, 3, 4)]
    assert [package.version for package in registry.packages("prices")] == [1, 2, 4]


def test_versions_sort_as_numbers_and_groups_do_not_mix(registry: ModelRegistry) -> None:
    for group in ("a", "a-b"):
        registry.create_group(group, {}, "me")
    for _ in range(11):
        registry.create({}, "me", group="a")
    registry.create({}, "me", group="a-b")
    assert [package.version for package in registry.packages("a")] == list(range(1, 12))


def test_a_version_waits_for_approval_and_says_what_changed(registry: ModelRegistry, heard: Heard) -> None:
    registry.create_group("prices", {}, "me")
    arn = registry.create({"CustomerMetadataProperties": {"a": "1", "b": "2"}}, "me", group="prices")
    assert registry.package("prices/1").approval == "PendingManualApproval"
    change = PackageChange("Approved", {"ApprovalDescription": "fine"}, {"c": "3"}, ["a"])
    assert registry.update(arn, change, "boss") == arn
    shown = described_package(registry.package(arn))
    assert shown["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert (shown["ModelApprovalStatus"], shown["ApprovalDescription"]) == ("Approved", "fine")
    made, changed = heard.events
    assert made.detail_type == changed.detail_type == "SageMaker Model Package State Change"
    assert changed.resources == (arn,)
    assert changed.detail["ModelApprovalStatus"] == "Approved"
    assert changed.detail["CreationTime"] == "2026-07-01T12:00:00Z"
    assert changed.detail["UpdatedModelPackageFields"] == [
        "ApprovalDescription",
        "ModelApprovalStatus",
        "CustomerMetadataProperties",
    ]


def test_a_request_that_comes_twice_makes_one_version(registry: ModelRegistry) -> None:
    registry.create_group("prices", {}, "me")
    first = registry.create({}, "me", group="prices", token="t")
    assert registry.create({}, "me", group="prices", token="t") == first
    registry.delete(first, "me")
    assert registry.create({}, "me", group="prices", token="t") != first


def test_only_approved_versions_become_models(registry: ModelRegistry, store: Store) -> None:
    registry.create_group("prices", {}, "me")
    container = {"Image": "i", "ModelDataUrl": "s3://b/model.tar.gz"}
    arn = registry.create({"InferenceSpecification": {"Containers": [container]}}, "me", group="prices")
    with pytest.raises(Refused, match="PendingManualApproval"):
        store.read(lambda tx: registry.containers(tx, arn))
    registry.update(arn, PackageChange("Approved"), "me")
    assert store.read(lambda tx: registry.containers(tx, arn)) == [container]


@pytest.mark.parametrize(
    ("ask", "fault", "says"),
    [
        (lambda r: r.create_group("full", {}, "me"), "ValidationException", "already exists"),
        (lambda r: r.delete_group("full", "me"), "ConflictException", "still contains"),
        (lambda r: r.group("none"), "ValidationException", "model-package-group/none does not exist"),
        (lambda r: r.package("full/2"), "ValidationException", "model-package/full/2 does not exist"),
        (lambda r: r.create({}, "me", group="none"), "ValidationException", "does not exist"),
        (lambda r: r.create({}, "me"), "ValidationException", "Exactly one"),
        (lambda r: r.create({}, "me", name="single"), "ValidationException", "already existing"),
        (lambda r: r.update("single", PackageChange("Approved"), "me"), "ValidationException", "no version"),
        (
            lambda r: r.package("arn:aws:sagemaker:eu-west-1:111111111111:model-package/full/1"),
            "ValidationException",
            "111111111111",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    registry: ModelRegistry, heard: Heard, ask: Any, fault: str, says: str
) -> None:
    registry.create_group("full", {}, "me")
    registry.create({}, "me", group="full")
    registry.create({}, "me", name="single")
    before = (registry.groups(), registry.packages())
    with pytest.raises(Refused, match=says) as refused:
        ask(registry)
    assert refused.value.fault == fault
    assert (registry.groups(), registry.packages()) == before


def test_tags_of_a_gone_thing_are_nobodys(registry: ModelRegistry, tags: SagemakerTags, clock: ManualClock) -> None:
    arn = registry.create_group("prices", {}, "me", {"team": "a"})
    assert tags.of(arn) == {"team": "a"}
    registry.delete_group("prices", "me")
    with pytest.raises(Refused, match="Could not find"):
        tags.of(arn)
    clock.advance(1)
    assert registry.create_group("prices", {}, "me") == arn
    assert tags.of(arn) == {}


def test_an_arn_in_lower_case_means_the_same_thing(registry: ModelRegistry, tags: SagemakerTags) -> None:
    arn = registry.create_group("Prices", {}, "me")
    tags.add(arn.lower(), {"k": "v"}, "me")
    assert tags.of(arn) == {"k": "v"}


@pytest.mark.parametrize("given_tags", [[("k", "1"), ("k", "2")], [("aws:cloudformation:x", "1")]])
def test_keys_must_differ_and_not_be_awss(given_tags: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused):
        check_tags([{"Key": key, "Value": value} for key, value in given_tags])


changes = lists(
    dictionaries(sampled_from(KEYS), sampled_from(["a", "b"]), max_size=20) | lists(sampled_from(KEYS), max_size=20),
    max_size=6,
)


@settings(max_examples=40)
@given(changes)
def test_tags_are_a_map_of_at_most_fifty(changes: list[dict[str, str] | list[str]]) -> None:
    for registry, tags in opened():
        arn, model = registry.create_group("g", {}, "me"), dict[str, str]()
        for change in changes:
            if isinstance(change, list):
                tags.remove(arn, change, "me")
                model = {key: value for key, value in model.items() if key not in change}
            elif len(model | change) > MOST_TAGS:
                with pytest.raises(Refused, match="at most 50"):
                    tags.add(arn, change, "me")
            else:
                model |= change
                assert tags.add(arn, change, "me") == model
            assert tags.of(arn) == model


def opened() -> Iterator[tuple[ModelRegistry, SagemakerTags]]:
    """A registry and tags over a store of their own."""
    from datetime import UTC, datetime
    from pathlib import Path

    store, clock = open_store("sqlite://"), ManualClock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    about = Configuration(Path("nowhere"))
    yield ModelRegistry(store, clock, about, Heard(), lambda: "id"), SagemakerTags(store, clock, about)
    store.close()
