"""Dashboards: kept as they were put, checked when they are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.metrics.dashboard_body import Message, check_body
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.stores.store import Entry, Store, Transaction

_MOST_TAGS = 50
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard as it was put: `body` is the text, byte for byte."""

    body: str
    modified: datetime
    tags: tuple[tuple[str, str], ...] = ()


DASHBOARD = Kind("dashboard", Dashboard)


@dataclass(frozen=True, slots=True)
class Listed:
    """A dashboard in a list; `size` is its body's in bytes."""

    name: str
    arn: str
    modified: datetime
    size: int


class Dashboards:
    """Keeps dashboards."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock, self._account = store, clock, configuration.account

    def arn(self, name: str) -> str:
        """The dashboard's ARN; dashboards belong to no region."""
        return f"arn:aws:cloudwatch::{self._account}:dashboard/{name}"

    def put(self, name: str, body: str, tags: Sequence[tuple[str, str]], actor: str) -> tuple[Message, ...]:
        """Make the dashboard or replace it wholly; the warnings. Tags count when it is new.

        Raises: Refused: InvalidParameterValueException for the name, DashboardInvalidInputError for the body.
        """
        _check_name(name)
        findings = check_body(body)
        if findings.errors:
            raise _invalid(findings.errors)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            before = tx.get(DASHBOARD, name)
            kept = before.tags if before is not None else tuple(tags)
            tx.put(DASHBOARD, name, Dashboard(body, now, kept))
            size: dict[str, object] = {"bytes": len(body.encode())}
            tx.record(Entry(now, "dashboard.put", self.arn(name), actor, size))

        self._store.write(work)
        return findings.warnings

    def get(self, name: str) -> Dashboard:
        """The dashboard. Raises: Refused: InvalidParameterValueException, DashboardNotFoundError."""
        _check_name(name)
        found = self._store.read(lambda tx: tx.get(DASHBOARD, name))
        if found is None:
            raise Refused("DashboardNotFoundError", f"Dashboard {name} does not exist")
        return found

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of the dashboard. Raises: Refused (ResourceNotFoundException)."""
        return dict(self._store.read(lambda tx: self._tagged(tx, arn)[1].tags))

    def tag(self, arn: str, tags: Mapping[str, str], actor: str) -> None:
        """Add tags, replacing the values of those that are there.

        Raises: Refused: ResourceNotFoundException; InvalidParameterValueException: more than 50 tags.
        """
        self._change_tags(arn, tags, (), actor)

    def untag(self, arn: str, keys: Sequence[str], actor: str) -> None:
        """Remove tags; keys that are not there are passed over. Raises: Refused (ResourceNotFoundException)."""
        self._change_tags(arn, {}, keys, actor)

    def _change_tags(self, arn: str, added: Mapping[str, str], removed: Sequence[str], actor: str) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            name, dashboard = self._tagged(tx, arn)
            tags = {key: value for key, value in {**dict(dashboard.tags), **added}.items() if key not in removed}
            if len(tags) > _MOST_TAGS:
                raise Refused("InvalidParameterValueException", f"A resource can have at most {_MOST_TAGS} tags")
            tx.put(DASHBOARD, name, replace(dashboard, tags=tuple(tags.items())))
            entry: dict[str, object] = {"added": dict(added), "removed": list(removed)}
            tx.record(Entry(now, "dashboard.tags", arn, actor, entry))

        self._store.write(work)

    def _tagged(self, tx: Transaction, arn: str) -> tuple[str, Dashboard]:
        name = arn.rpartition("/")[2]
        found = tx.get(DASHBOARD, name) if arn == self.arn(name) else None
        if found is None:
            raise Refused(
                "ResourceNotFoundException",
                f"No dashboard has the ARN {arn}",
                {"ResourceType": "Dashboard", "ResourceId": arn},
            )
        return name, found

    def page(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """Dashboards whose names start with `prefix` and are greater than `after`, by name."""
        found = self._store.read(lambda tx: tx.scan(DASHBOARD, prefix, after, limit))
        return [Listed(name, self.arn(name), each.modified, len(each.body.encode())) for name, each in found]

    def delete(self, names: Sequence[str], actor: str) -> None:
        """Remove them all, or none if one is missing.

        Raises: Refused: InvalidParameterValueException, DashboardNotFoundError.
        """
        for name in names:
            _check_name(name)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            missing = [name for name in names if tx.get(DASHBOARD, name) is None]
            if missing:
                raise Refused("DashboardNotFoundError", f"Dashboards do not exist: {', '.join(missing)}")
            for name in dict.fromkeys(names):
                tx.delete(DASHBOARD, name)
                tx.record(Entry(now, "dashboard.deleted", self.arn(name), actor, {}))

        self._store.write(work)


def _check_name(name: str) -> None:
    if not name or len(name) > 255:
        raise Refused(
            "InvalidParameterValueException",
            f"The value for field DashboardName has {len(name)} characters. It must have 1 to 255.\n",
        )
    if not _NAME.fullmatch(name):
        raise Refused(
            "InvalidParameterValueException",
            "The value for field DashboardName contains invalid characters. "
            "It can only contain alphanumerics, dash (-) and underscore (_).\n",
        )


def _invalid(errors: Sequence[Message]) -> Refused:
    told = [{"DataPath": error.path, "Message": error.text} for error in errors]
    if errors[0].path == "" and len(errors) == 1 and "JSON" in errors[0].text:
        text = errors[0].text
    else:
        listed = "; ".join(f"{error.path}: {error.text}" for error in errors[:10])
        text = f"The dashboard body is invalid, there are {len(errors)} validation errors: {listed}"
    return Refused("DashboardInvalidInputError", text, {"dashboardValidationMessages": told})
