"""The model registry: versions of models, whether they may be served, and who said so.

A package is `Completed` as soon as it is made: this server validates no containers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from watchpost.errors import Refused
from watchpost.events.envelope import Event, timestamp
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.registry.documents import (
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    TOKEN,
    ApprovalStatus,
    Members,
    ModelPackage,
    ModelPackageGroup,
    Token,
    package_key,
)
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Entry, Store, Transaction

PACKAGE_CHANGED = "SageMaker Model Package State Change"
NO_TAGS: Mapping[str, str] = {}


class PublishesEvents(Protocol):
    """The event bus."""

    def publish(self, tx: Transaction, event: Event) -> None:
        """Match an event and enqueue what follows, in the caller's transaction."""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What UpdateModelPackage asks for. members: those to replace; `None` or empty: nothing of the kind is asked.

    metadata, without: keys of CustomerMetadataProperties to set and to remove. additional: inference specifications to
    add to those that are there.
    """

    approval: ApprovalStatus | None = None
    members: Mapping[str, object] | None = None
    metadata: Mapping[str, str] | None = None
    without: Sequence[str] = ()
    additional: Sequence[object] = ()

    @property
    def fields(self) -> list[str]:
        """Names of the members of a package that are to change."""
        asked = {
            "ModelApprovalStatus": self.approval is not None,
            "CustomerMetadataProperties": bool(self.metadata or self.without),
            "AdditionalInferenceSpecifications": bool(self.additional),
        }
        return [*(self.members or {}), *(name for name, wanted in asked.items() if wanted)]


class ModelRegistry:
    """Groups and packages. Names may be given as ARNs; `actor` is who asks, for the journal."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        events: PublishesEvents,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._clock, self._events, self._new_id = store, clock, events, new_id
        self._region, self._account = configuration.region, configuration.account

    # --- groups -----------------------------------------------------------------------------------------------------

    def create_group(self, name: str, members: Members, actor: str, tags: Mapping[str, str] = NO_TAGS) -> str:
        """Make a group; its ARN.

        Args: members: of the request, without the name and the tags.
        Raises: Refused: ValidationException: there is one of that name (the SDK looks for the words).
        """
        now = self._clock.now()
        made = ModelPackageGroup(name, self._arn("model-package-group", name), now, actor, members)

        def work(tx: Transaction) -> str:
            if tx.get(MODEL_PACKAGE_GROUP, name) is not None:
                raise Refused("ValidationException", f"Model Package Group already exists: {made.arn}")
            tx.put(MODEL_PACKAGE_GROUP, name, made)
            write_tags(tx, made.arn, tags, now)
            tx.record(Entry(now, "model-package-group.create", made.arn, actor, {"members": members}))
            return made.arn

        return self._store.write(work)

    def group(self, name: str) -> ModelPackageGroup:
        """The group. Raises: Refused: ValidationException."""
        return self._store.read(lambda tx: self._the_group(tx, name))

    def groups(self) -> list[ModelPackageGroup]:
        """All groups, by name."""
        return [group for _, group in self._store.read(lambda tx: tx.scan(MODEL_PACKAGE_GROUP))]

    def delete_group(self, name: str, actor: str) -> None:
        """Remove an empty group. Raises: Refused: ValidationException; ConflictException: it has packages."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            gone = self._the_group(tx, name)
            if tx.scan(MODEL_PACKAGE, prefix=f"{gone.name}/", limit=1):
                told = f"Model Package Group {gone.arn} still contains model packages; delete them first."
                raise Refused("ConflictException", told)
            tx.delete(MODEL_PACKAGE_GROUP, gone.name)
            tx.record(Entry(now, "model-package-group.delete", gone.arn, actor, {}))

        self._store.write(work)

    # --- packages ---------------------------------------------------------------------------------------------------

    def create(
        self,
        members: Members,
        actor: str,
        *,
        name: str | None = None,
        group: str | None = None,
        approval: ApprovalStatus | None = None,
        token: str | None = None,
        tags: Mapping[str, str] = NO_TAGS,
    ) -> str:
        """Make a package of that name, or the next version of a group; its ARN.

        Args: members: of the request, without what the other arguments say. approval: of a version, which waits for
        approval without it. token: a second request with the same one makes nothing and gets the first one's package.
        Raises: Refused: ValidationException: neither or both of name and group, no such group, a name that is taken.
        """
        if (name is None) == (group is None):
            raise Refused("ValidationException", "Exactly one of ModelPackageName and ModelPackageGroupName is needed.")
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            before = self._made_by(tx, token)
            if before is not None:
                return before.arn
            if group is not None:
                made = self._next_version(tx, group, members, approval or "PendingManualApproval", actor, now)
            else:
                made = self._single(tx, str(name), members, approval, actor, now)
            made = replace(made, token=token)
            tx.put(MODEL_PACKAGE, made.key, made)
            if token is not None:
                tx.put(TOKEN, token, Token(made.key))
            write_tags(tx, made.arn, tags, now)
            data: dict[str, object] = {"members": members, "approval": made.approval}
            tx.record(Entry(now, "model-package.create", made.arn, actor, data))
            self._tell(tx, made, now, ())
            return made.arn

        return self._store.write(work)

    def package(self, name: str) -> ModelPackage:
        """The package by its name, ARN or `group/version`. Raises: Refused: ValidationException."""
        return self._store.read(lambda tx: self._the_package(tx, name))

    def packages(self, group: str | None = None) -> list[ModelPackage]:
        """All packages, or the versions of a group in their order. Raises: Refused: ValidationException (the group)."""

        def work(tx: Transaction) -> list[ModelPackage]:
            prefix = "" if group is None else f"{self._the_group(tx, group).name}/"
            return [package for _, package in tx.scan(MODEL_PACKAGE, prefix=prefix)]

        return self._store.read(work)

    def update(self, name: str, change: PackageChange, actor: str) -> str:
        """Change a package; its ARN.

        Raises: Refused: ValidationException: there is none, or it is no version and cannot be approved.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> str:
            before = self._the_package(tx, name)
            if change.approval is not None and before.version is None:
                told = f"Model package {before.arn} is no version of a group; only versions have an approval status."
                raise Refused("ValidationException", told)
            after = replace(
                before,
                modified=now,
                modifier=actor,
                approval=change.approval or before.approval,
                members=_changed(before.members, change),
            )
            tx.put(MODEL_PACKAGE, after.key, after)
            data: dict[str, object] = {"fields": change.fields, "approval": after.approval, "before": before.approval}
            tx.record(Entry(now, "model-package.update", after.arn, actor, data))
            self._tell(tx, after, now, change.fields)
            return after.arn

        return self._store.write(work)

    def delete(self, name: str, actor: str) -> None:
        """Remove a package; its version is not given out again. Raises: Refused: ValidationException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            gone = self._the_package(tx, name)
            tx.delete(MODEL_PACKAGE, gone.key)
            if gone.token is not None:
                tx.delete(TOKEN, gone.token)
            tx.record(Entry(now, "model-package.delete", gone.arn, actor, {}))
            self._tell(tx, gone, now, (), status="Deleting")

        self._store.write(work)

    def containers(self, tx: Transaction, name: str) -> list[object]:
        """The containers a package is served by (`InferenceSpecification.Containers`), for whoever makes a model of it.

        Raises: Refused: ValidationException: no such package, a version that is not approved, or no containers.
        """
        package = self._the_package(tx, name)
        if package.version is not None and package.approval != "Approved":
            told = f"Model package {package.arn} has the approval status {package.approval}; only approved versions "
            raise Refused("ValidationException", f"{told}can be made a model.")
        specification = package.members.get("InferenceSpecification")
        found = specification.get("Containers") if isinstance(specification, Mapping) else None
        if not isinstance(found, Sequence) or not found:
            told = f"Model package {package.arn} has no InferenceSpecification with containers."
            raise Refused("ValidationException", told)
        return list(found)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self._region}:{self._account}:{kind}/{name}"

    def _named(self, kind: str, name: str) -> str:
        """The name in an ARN of ours, or the name itself. One of another account or region names nothing here."""
        return name.removeprefix(self._arn(kind, ""))

    def _the_group(self, tx: Transaction, name: str) -> ModelPackageGroup:
        found = tx.get(MODEL_PACKAGE_GROUP, self._named("model-package-group", name))
        if found is None:
            arn = name if name.startswith("arn:") else self._arn("model-package-group", name)
            raise Refused("ValidationException", f"Model Package Group {arn} does not exist.")
        return found

    def _the_package(self, tx: Transaction, name: str) -> ModelPackage:
        found = tx.get(MODEL_PACKAGE, package_key(self._named("model-package", name)))
        if found is None:
            arn = name if name.startswith("arn:") else self._arn("model-package", name)
            raise Refused("ValidationException", f"ModelPackage {arn} does not exist.")
        return found

    def _made_by(self, tx: Transaction, token: str | None) -> ModelPackage | None:
        made = tx.get(TOKEN, token) if token is not None else None
        return tx.get(MODEL_PACKAGE, made.package) if made is not None else None

    def _next_version(
        self, tx: Transaction, group: str, members: Members, approval: ApprovalStatus, actor: str, now: datetime
    ) -> ModelPackage:
        owner = self._the_group(tx, group)
        version = owner.last + 1
        tx.put(MODEL_PACKAGE_GROUP, owner.name, replace(owner, last=version))
        arn = self._arn("model-package", f"{owner.name}/{version}")
        return ModelPackage(owner.name, arn, now, now, actor, actor, members, owner.name, version, approval)

    def _single(
        self, tx: Transaction, name: str, members: Members, approval: ApprovalStatus | None, actor: str, now: datetime
    ) -> ModelPackage:
        if approval is not None:
            raise Refused("ValidationException", "ModelApprovalStatus is of versions: give a ModelPackageGroupName.")
        arn = self._arn("model-package", name)
        if tx.get(MODEL_PACKAGE, package_key(name)) is not None:
            raise Refused("ValidationException", f"Cannot create already existing model package {arn}")
        return ModelPackage(name, arn, now, now, actor, actor, members)

    def _tell(
        self,
        tx: Transaction,
        package: ModelPackage,
        now: datetime,
        fields: Sequence[str],
        status: str = "Completed",
    ) -> None:
        detail = described_package(package) | {"ModelPackageStatus": status}
        for name in ("CreationTime", "LastModifiedTime"):
            instant = detail[name]
            detail[name] = timestamp(instant) if isinstance(instant, datetime) else instant
        if fields:
            detail["UpdatedModelPackageFields"] = list(fields)
        event = Event(
            self._new_id(), "aws.sagemaker", PACKAGE_CHANGED, self._account, self._region, now, detail, (package.arn,)
        )
        self._events.publish(tx, event)


def described_package(package: ModelPackage) -> Members:
    """The members of DescribeModelPackage."""
    return package.members | {
        name: value
        for name, value in (
            ("ModelPackageName", package.name),
            ("ModelPackageGroupName", package.group),
            ("ModelPackageVersion", package.version),
            ("ModelPackageArn", package.arn),
            ("CreationTime", package.created),
            ("LastModifiedTime", package.modified),
            ("ModelPackageStatus", "Completed"),
            ("ModelPackageStatusDetails", {"ValidationStatuses": [], "ImageScanStatuses": []}),
            ("ModelApprovalStatus", package.approval),
        )
        if value is not None
    }


def _changed(members: Members, change: PackageChange) -> Members:
    after = members | dict(change.members or {})
    if change.metadata or change.without:
        present = members.get("CustomerMetadataProperties")
        kept = dict(present) if isinstance(present, Mapping) else {}
        kept |= change.metadata or {}
        for key in change.without:
            kept.pop(key, None)
        after["CustomerMetadataProperties"] = kept
    if change.additional:
        present = members.get("AdditionalInferenceSpecifications")
        earlier = list(present) if isinstance(present, Sequence) else []
        after["AdditionalInferenceSpecifications"] = [*earlier, *change.additional]
    return after
