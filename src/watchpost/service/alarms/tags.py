"""Tags of alarms and mute rules; those of business hours change what the alarm does."""

from collections.abc import Mapping, Sequence

from watchpost.alarms.records import Alarm, MetricAlarm, MuteRule
from watchpost.alarms.requests import MOST_TAGS
from watchpost.errors import Refused
from watchpost.service.alarms.actions import alarm_of
from watchpost.service.alarms.changes import with_hours
from watchpost.service.alarms.documents import METRIC_ALARM, MUTE_RULE, TAGS
from watchpost.service.clock import Clock
from watchpost.stores.store import Entry, Store, Transaction

_ALARM, _MUTE_RULE = "alarm", "alarm-mute-rule"


class AlarmTags:
    """Reads and writes tags by the ARN of what they hang on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags. Raises: Refused (ResourceNotFoundException): no alarm or mute rule has that ARN."""

        def work(tx: Transaction) -> dict[str, str]:
            _tagged(tx, arn)
            return tx.get(TAGS, arn) or {}

        return self._store.read(work)

    def tag(self, arn: str, tags: Mapping[str, str], actor: str = "server") -> None:
        """Add tags, replacing the values of those that are there.

        Raises: Refused: as `tags_of`; more than 50 tags; business hours that make no sense.
        """
        self._change(arn, tags, (), actor)

    def untag(self, arn: str, keys: Sequence[str], actor: str = "server") -> None:
        """Remove tags; keys that are not there are passed over. Raises: Refused: as `tag`."""
        self._change(arn, {}, keys, actor)

    def _change(self, arn: str, added: Mapping[str, str], removed: Sequence[str], actor: str) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            tagged = _tagged(tx, arn)
            present = tx.get(TAGS, arn) or {}
            tags = {**present, **added}
            for key in removed:
                tags.pop(key, None)
            if len(tags) > MOST_TAGS:
                raise Refused("InvalidParameterValueException", f"A resource can have at most {MOST_TAGS} tags")
            if isinstance(tagged, MetricAlarm):
                changed = with_hours(tagged, tags)
                if changed != tagged:
                    tx.put(METRIC_ALARM, tagged.name, changed)
            tx.put(TAGS, arn, tags)
            entry: dict[str, object] = {"added": dict(added), "removed": list(removed)}
            tx.record(Entry(now, "alarm.tags", arn, actor, entry))

        self._store.write(work)


def _tagged(tx: Transaction, arn: str) -> object:
    """The alarm or mute rule of that ARN."""
    parts = arn.split(":", 6)
    found: object = None
    if len(parts) == 7 and parts[2] == "cloudwatch":
        if parts[5] == _ALARM:
            found = _same(alarm_of(tx, parts[6]), arn)
        elif parts[5] == _MUTE_RULE:
            found = _same(tx.get(MUTE_RULE, parts[6]), arn)
    if found is None:
        raise Refused(
            "ResourceNotFoundException",
            f"No alarm or alarm mute rule has the ARN {arn}",
            {"ResourceType": "Alarm", "ResourceId": arn},
        )
    return found


def _same(found: Alarm | MuteRule | None, arn: str) -> Alarm | MuteRule | None:
    return found if found is not None and found.arn == arn else None
