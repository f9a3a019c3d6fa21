"""Job definitions: made, described, listed and removed; they never change."""

from collections.abc import Mapping

from watchpost.errors import Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.labels.restating import restating_of
from watchpost.service.monitoring.adaptive import ADAPTIVE, parse_bounds
from watchpost.service.monitoring.documents import (
    JOB_DEFINITION,
    NO_TAGS,
    JobDefinition,
    Members,
    MonitoringType,
    definition_arn,
    definition_key,
    not_found,
)
from watchpost.service.monitoring.job import job_of
from watchpost.service.registry.tags import write_tags
from watchpost.stores.store import Entry, Store, Transaction


class JobDefinitions:
    """The job definitions of the four kinds of monitors."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration

    def create(
        self, monitor: MonitoringType, name: str, members: Members, actor: str, tags: Mapping[str, str] = NO_TAGS
    ) -> str:
        """Keep a definition; its ARN.

        Args: members: of the request, without the name and the tags.
        Raises: Refused: ResourceInUse: there is one of that name; ValidationException.
        """
        environment = job_of(monitor, members).environment
        if environment.get(ADAPTIVE):
            parse_bounds(environment[ADAPTIVE])
        restating_of(environment)
        now = self._clock.now()
        made = JobDefinition(name, monitor, definition_arn(self._configuration, monitor, name), now, members)

        def work(tx: Transaction) -> None:
            if tx.get(JOB_DEFINITION, definition_key(monitor, name)) is not None:
                raise Refused("ResourceInUse", f"Job definition {made.arn} already exists.")
            tx.put(JOB_DEFINITION, definition_key(monitor, name), made)
            write_tags(tx, made.arn, tags, made.created)
            tx.record(Entry(now, "job-definition.create", made.arn, actor, {"members": members}))

        self._store.write(work)
        return made.arn

    def describe(self, monitor: MonitoringType, name: str) -> JobDefinition:
        """The definition. Raises: Refused: ResourceNotFound."""
        return self._store.read(lambda tx: the_definition(tx, monitor, name, self._configuration))

    def delete(self, monitor: MonitoringType, name: str, actor: str) -> None:
        """Remove the definition. Executions of schedules that name it fail from then on.

        Raises: Refused: ResourceNotFound.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            found = the_definition(tx, monitor, name, self._configuration)
            tx.delete(JOB_DEFINITION, definition_key(monitor, name))
            tx.record(Entry(now, "job-definition.delete", found.arn, actor, {}))

        self._store.write(work)

    def all(self, monitor: MonitoringType) -> list[JobDefinition]:
        """All definitions of one kind, by name."""
        found = self._store.read(lambda tx: tx.scan(JOB_DEFINITION, prefix=definition_key(monitor, "")))
        return [definition for _, definition in found]


def the_definition(tx: Transaction, monitor: MonitoringType, name: str, configuration: Configuration) -> JobDefinition:
    """The definition of that name. Raises: Refused: ResourceNotFound."""
    found = tx.get(JOB_DEFINITION, definition_key(monitor, name))
    if found is None:
        raise not_found(definition_arn(configuration, monitor, name), "Job definition")
    return found


def find_definition(tx: Transaction, name: str) -> JobDefinition | None:
    """The definition of that name, of whichever kind comes first; None if there is none."""
    kinds: tuple[MonitoringType, ...] = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
    found = (tx.get(JOB_DEFINITION, definition_key(kind, name)) for kind in kinds)
    return next((definition for definition in found if definition is not None), None)
