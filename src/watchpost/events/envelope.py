"""The envelope every event travels in.

Source: Amazon EventBridge user guide, "AWS service event metadata".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `detail` is a JSON object, `time` aware, `resources` ARNs."""

    id: str
    source: str
    detail_type: str
    account: str
    region: str
    time: datetime
    detail: Mapping[str, object]
    resources: tuple[str, ...] = ()

    def plain(self) -> dict[str, object]:
        """The envelope as AWS writes it, keys in AWS's order; the time in whole seconds, UTC."""
        return {
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": self.account,
            "time": timestamp(self.time),
            "region": self.region,
            "resources": list(self.resources),
            "detail": self.detail,
        }

    def to_json(self) -> str:
        """The envelope as JSON text."""
        return msgspec.json.encode(self.plain()).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Event":
        """The event that `to_json` wrote.

        Raises: msgspec.ValidationError (a ValueError): a member is missing or of another type.
        """
        wire = msgspec.json.decode(text, type=_Wire)
        return cls(
            id=wire.id,
            source=wire.source,
            detail_type=wire.detail_type,
            account=wire.account,
            region=wire.region,
            time=wire.time,
            detail=wire.detail,
            resources=wire.resources,
        )


class _Wire(msgspec.Struct):
    id: str
    source: str
    detail_type: str = msgspec.field(name="detail-type")
    account: str
    time: datetime
    region: str
    resources: tuple[str, ...] = ()
    detail: dict[str, object] = msgspec.field(default_factory=dict)


def timestamp(instant: datetime) -> str:
    """An aware instant as `2026-11-21T05:00:00Z`, cut to whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
