"""Rules and their targets: made, changed, listed and removed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from watchpost.errors import Refused
from watchpost.events.json_path import compile_path
from watchpost.events.pattern import compile_pattern
from watchpost.events.rules import DEFAULT_BUS, Rule, State, Target, kind_of, rule_arn
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.events.connections import API_DESTINATION, destination_key
from watchpost.service.events.documents import FIRED, RULE, key, must_exist, the_rule
from watchpost.stores.store import Entry, Store, Transaction
from watchpost.windows import Cron, parse_schedule

MOST_RULES, MOST_TARGETS, MOST_TAGS = 300, 5, 50
_TOO_MANY = "The requested resource exceeds the maximum number allowed."


class EventRules:
    """The rules of every bus."""

    def __init__(self, store: Store, clock: Clock, configuration: Configuration) -> None:
        self._store, self._clock = store, clock
        self._region, self._account = configuration.region, configuration.account

    def put(self, wanted: Rule, actor: str) -> str:
        """Make the rule, or change the one of that name; its ARN. What it has as targets and tags stays.

        Args: wanted: `arn`, `since` and `targets` are ignored; tags are those of a new rule.
        Raises: Refused: ValidationException, InvalidEventPatternException, ResourceNotFoundException (the bus),
        LimitExceededException.
        """
        _validate(wanted)
        now = self._clock.now()
        arn = rule_arn(self._region, self._account, wanted.bus, wanted.name)

        def work(tx: Transaction) -> None:
            must_exist(tx, wanted.bus)
            before = tx.get(RULE, key(wanted.bus, wanted.name))
            if before is None and len(tx.scan(RULE, prefix=key(wanted.bus, ""), limit=MOST_RULES)) >= MOST_RULES:
                raise Refused("LimitExceededException", _TOO_MANY)
            rule = replace(wanted, arn=arn, since=now, targets=())
            if before is not None:
                counting = before.schedule == rule.schedule and before.enabled and rule.enabled
                since = before.since if counting else now
                rule = replace(rule, since=since, targets=before.targets, tags=before.tags)
            self._write(tx, rule, "event-rule.put", actor, now)

        self._store.write(work)
        return arn

    def describe(self, bus: str, name: str) -> Rule:
        """The rule. Raises: Refused: ResourceNotFoundException."""
        return self._store.read(lambda tx: the_rule(tx, bus, name))

    def rules(self, bus: str, prefix: str = "", after: str = "", limit: int = 100) -> list[Rule]:
        """Rules of a bus whose names start with `prefix` and are greater than `after`, by name.

        Raises: Refused: ResourceNotFoundException (the bus).
        """

        def work(tx: Transaction) -> list[Rule]:
            must_exist(tx, bus)
            found = tx.scan(RULE, prefix=key(bus, prefix), after=key(bus, after) if after else "", limit=limit)
            return [rule for _, rule in found]

        return self._store.read(work)

    def names_by_target(self, bus: str, arn: str) -> list[str]:
        """Names of the rules of a bus that have this target. Raises: Refused: ResourceNotFoundException (the bus)."""
        rules = self.rules(bus, limit=MOST_RULES)
        return [rule.name for rule in rules if any(target.arn == arn for target in rule.targets)]

    def set_state(self, bus: str, name: str, state: State, actor: str) -> None:
        """Enable or disable. A schedule counts from when it is enabled. Raises: Refused: ResourceNotFoundException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            rule = the_rule(tx, bus, name)
            since = rule.since if rule.enabled else now
            self._write(tx, replace(rule, state=state, since=since), "event-rule.state", actor, now)

        self._store.write(work)

    def delete(self, bus: str, name: str, actor: str) -> None:
        """Remove the rule; one that is not there is no fault.

        Raises: Refused: ValidationException: it has targets; ResourceNotFoundException (the bus).
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            must_exist(tx, bus)
            rule = tx.get(RULE, key(bus, name))
            if rule is None:
                return
            if rule.targets:
                raise Refused("ValidationException", "Rule can't be deleted since it has targets.")
            tx.delete(RULE, key(bus, name))
            tx.delete(FIRED, key(bus, name))
            tx.record(Entry(now, "event-rule.delete", rule.arn, actor, {}))

        self._store.write(work)

    def put_targets(self, bus: str, name: str, targets: Sequence[Target], actor: str) -> None:
        """Add targets, or change those of the same ids.

        Raises: Refused: ValidationException, LimitExceededException, ResourceNotFoundException.
        """
        for target in targets:
            _validate_target(target)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            rule = the_rule(tx, bus, name)
            for target in targets:
                if (
                    kind_of(target.arn) == "api-destination"
                    and tx.get(API_DESTINATION, destination_key(target.arn)) is None
                ):
                    raise Refused("ResourceNotFoundException", f"ApiDestination {target.arn} does not exist.")
            all_targets = {target.id: target for target in (*rule.targets, *targets)}
            if len(all_targets) > MOST_TARGETS:
                raise Refused("LimitExceededException", _TOO_MANY)
            self._write(tx, replace(rule, targets=tuple(all_targets.values())), "event-rule.targets", actor, now)

        self._store.write(work)

    def remove_targets(self, bus: str, name: str, ids: Sequence[str], actor: str) -> list[str]:
        """Take targets off the rule; the ids among these that it did not have.

        Raises: Refused: ResourceNotFoundException.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> list[str]:
            rule = the_rule(tx, bus, name)
            kept = tuple(target for target in rule.targets if target.id not in ids)
            self._write(tx, replace(rule, targets=kept), "event-rule.targets", actor, now)
            had = {target.id for target in rule.targets}
            return [wanted for wanted in ids if wanted not in had]

        return self._store.write(work)

    def tag(self, bus: str, name: str, added: Mapping[str, str], removed: Sequence[str], actor: str) -> None:
        """Add, change and remove tags. Raises: Refused: ResourceNotFoundException, LimitExceededException."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            rule = the_rule(tx, bus, name)
            tags = merged_tags(rule.tags, added, removed)
            self._write(tx, replace(rule, tags=tags), "event-rule.tags", actor, now)

        self._store.write(work)

    def _write(self, tx: Transaction, rule: Rule, kind: str, actor: str, now: datetime) -> None:
        tx.put(RULE, key(rule.bus, rule.name), rule)
        data: dict[str, object] = {
            "pattern": rule.pattern,
            "schedule": rule.schedule,
            "state": rule.state,
            "targets": [{"id": target.id, "arn": target.arn} for target in rule.targets],
            "tags": dict(rule.tags),
        }
        tx.record(Entry(now, kind, rule.arn, actor, data))


def merged_tags(
    tags: tuple[tuple[str, str], ...], added: Mapping[str, str], removed: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Tags with some added and some removed. Raises: Refused: LimitExceededException: more than 50."""
    left = {name: value for name, value in (dict(tags) | dict(added)).items() if name not in removed}
    if len(left) > MOST_TAGS:
        raise Refused("LimitExceededException", _TOO_MANY)
    return tuple(sorted(left.items()))


def _validate(rule: Rule) -> None:
    if rule.pattern is None and rule.schedule is None:
        raise Refused("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if rule.pattern is not None:
        compile_pattern(rule.pattern)
    if rule.schedule is None:
        return
    if rule.bus != DEFAULT_BUS:
        raise Refused("ValidationException", "ScheduleExpression is supported only on the default event bus.")
    try:
        schedule = parse_schedule(rule.schedule)
    except ValueError as problem:
        raise Refused("ValidationException", f"Parameter ScheduleExpression is not valid. {problem}") from None
    six_fields = rule.schedule.lower().startswith("cron(") and len(rule.schedule[5:-1].split()) == 6
    if not (rule.schedule.lower().startswith("rate(") or (isinstance(schedule, Cron) and six_fields)):
        raise Refused(
            "ValidationException",
            "Parameter ScheduleExpression is not valid. Expected cron(minutes hours day-of-month month day-of-week "
            "year) or rate(value unit).",
        )


def _validate_target(target: Target) -> None:
    try:
        kind_of(target.arn)
    except ValueError as problem:
        raise Refused("ValidationException", f"Parameter {target.arn} is not valid. Reason: {problem}") from None
    inputs = (target.constant, target.path, target.transformer)
    if sum(given is not None for given in inputs) > 1:
        raise Refused(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target.id}.",
        )
    if target.constant is not None:
        try:
            msgspec.json.decode(target.constant)
        except msgspec.DecodeError as problem:
            raise Refused(
                "ValidationException", f"JSON syntax error in input for target {target.id}: {problem}."
            ) from None
    paths = [path for path in (target.path,) if path is not None]
    if target.transformer is not None:
        paths += [path for _, path in target.transformer.paths]
        for unknown in target.transformer.unknown():
            raise Refused(
                "ValidationException",
                f"InputTemplate for target {target.id} contains invalid placeholder {unknown}.",
            )
    for path in paths:
        try:
            compile_path(path)
        except ValueError as problem:
            raise Refused("ValidationException", f"InputPath for target {target.id} is not valid. {problem}") from None
