"""Tags of everything that has a SageMaker ARN: models, endpoints, schedules, jobs, the model registry.

Tags lie beside the thing, under its ARN, with the instant at which it was made: when it is gone and another of the same
name is made, the old tags are nobody's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.documents import ENDPOINT, ENDPOINT_CONFIG, MODEL
from watchpost.service.monitoring.documents import (
    JOB_DEFINITION,
    MONITORING_TYPES,
    PROCESSING_JOB,
    SCHEDULE,
    definition_arn,
    definition_key,
)
from watchpost.service.registry.documents import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, package_key
from watchpost.stores.store import Entry, Store, Transaction

MOST_TAGS = 50


class _Made(Protocol):
    """What every document of a tagged thing says of itself."""

    @property
    def arn(self) -> str: ...

    @property
    def created(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class ResourceTags:
    """The tags of a thing that was made at that instant."""

    created: datetime
    tags: dict[str, str]


RESOURCE_TAGS = Kind("sagemaker-tags", ResourceTags)

M = TypeVar("M", bound=_Made)
_Find = Callable[[Transaction, str], _Made | None]


class SagemakerTags:
    """Reads and writes tags by the ARN of what they hang on."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock = store, clock
        self._kinds = _kinds(configuration)

    def of(self, arn: str) -> dict[str, str]:
        """The tags, in the order in which their keys came. Raises: Refused: ValidationException: no such thing."""
        return self._store.read(lambda tx: _present(tx, self._the_thing(tx, arn)))

    def add(self, arn: str, tags: Mapping[str, str], actor: str) -> dict[str, str]:
        """Add tags, replacing the values of those that are there; all tags then.

        Raises: Refused: ValidationException: no such thing, a key nobody may use; ResourceLimitExceeded: over 50.
        """
        return self._change(arn, tags, (), actor)

    def remove(self, arn: str, keys: Sequence[str], actor: str) -> None:
        """Remove tags; keys that are not there are passed over. Raises: Refused: ValidationException."""
        self._change(arn, {}, keys, actor)

    def _change(self, arn: str, added: Mapping[str, str], removed: Sequence[str], actor: str) -> dict[str, str]:
        now = self._clock.now()

        def work(tx: Transaction) -> dict[str, str]:
            thing = self._the_thing(tx, arn)
            tags = {key: value for key, value in (_present(tx, thing) | dict(added)).items() if key not in removed}
            write_tags(tx, thing.arn, tags, thing.created)
            entry: dict[str, object] = {"added": dict(added), "removed": list(removed)}
            tx.record(Entry(now, "sagemaker.tags", thing.arn, actor, entry))
            return tags

        return self._store.write(work)

    def _the_thing(self, tx: Transaction, arn: str) -> _Made:
        kind, _, name = arn.split(":", 5)[-1].partition("/")
        find = self._kinds.get(kind)
        thing = find(tx, name) if find else None
        # SageMaker writes names in ARNs in lower case, and so do those who put an ARN together themselves.
        if thing is None or thing.arn.lower() != arn.lower():
            raise Refused("ValidationException", f"Could not find a resource of this server with the ARN {arn}.")
        return thing


def check_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The API's list of tags as keys and values. Raises: Refused: ValidationException: a key twice, or AWS's own.

    >>> check_tags([{"Key": "team", "Value": "pricing"}])
    {'team': 'pricing'}
    """
    keys = [tag["Key"] for tag in tags]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise Refused("ValidationException", f"Tag keys must be unique: {', '.join(twice)} is given more than once.")
    reserved = [key for key in keys if key.lower().startswith("aws:")]
    if reserved:
        raise Refused("ValidationException", f"The tag key {reserved[0]} begins with aws:, which is reserved.")
    return {tag["Key"]: tag["Value"] for tag in tags}


def write_tags(tx: Transaction, arn: str, tags: Mapping[str, str], created: datetime) -> None:
    """Give a thing these tags and no others; also when it is made, in the same transaction.

    Args: created: when the thing was made, exactly as its document says.
    Raises: Refused: ResourceLimitExceeded: more than 50.
    """
    if len(tags) > MOST_TAGS:
        raise Refused("ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags.")
    if tags:
        tx.put(RESOURCE_TAGS, arn, ResourceTags(created, dict(tags)))
    else:
        tx.delete(RESOURCE_TAGS, arn)


def tags_on(tx: Transaction, arn: str, created: datetime) -> dict[str, str]:
    """The tags of a thing made at that instant."""
    kept = tx.get(RESOURCE_TAGS, arn)
    return dict(kept.tags) if kept is not None and kept.created == created else {}


def _present(tx: Transaction, thing: _Made) -> dict[str, str]:
    return tags_on(tx, thing.arn, thing.created)


def _kinds(configuration: Configuration) -> dict[str, _Find]:
    """How a thing is found by what stands in its ARN before and behind the slash."""
    kinds: dict[str, _Find] = {
        "model": _named(MODEL),
        "endpoint-config": _named(ENDPOINT_CONFIG),
        "endpoint": _named(ENDPOINT),
        "monitoring-schedule": _named(SCHEDULE),
        "processing-job": _named(PROCESSING_JOB),
        "model-package-group": _named(MODEL_PACKAGE_GROUP),
        "model-package": lambda tx, name: tx.get(MODEL_PACKAGE, package_key(name)),
    }
    for monitor in MONITORING_TYPES:
        word = definition_arn(configuration, monitor, "").split(":", 5)[-1].rstrip("/")
        kinds[word] = _named(JOB_DEFINITION, definition_key(monitor, ""))
    return kinds


def _named(kind: Kind[M], before: str = "") -> _Find:
    def find(tx: Transaction, name: str) -> _Made | None:
        exact = tx.get(kind, before + name)
        if exact is not None:
            return exact
        # Whoever lower-cased the name is asked for by hand, once in a while: there are never many to look through.
        return next(
            (made for key, made in tx.scan(kind, prefix=before) if key.lower() == (before + name).lower()), None
        )

    return find
