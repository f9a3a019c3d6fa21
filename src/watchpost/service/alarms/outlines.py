"""What evaluation needs of an alarm and its state, read from their documents without reading all of these.

Ten thousand alarms are evaluated after a start while the rest of their configuration stays bytes; only who changes
state is read in full. The documents of a portion are joined and read in one go, several times as fast as one by one.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from watchpost.alarms.records import State, Treatment
from watchpost.documents import Kind
from watchpost.service.alarms.documents import METRIC_ALARM, STATE

T = TypeVar("T")
U = TypeVar("U")

_PORTION = 1000


class Watched(msgspec.Struct, frozen=True, gc=False):
    """A `MetricStat` whose names are still the stored text."""

    metric: msgspec.Raw
    period: int
    stat: str
    unit: str | None = None


class Outline(msgspec.Struct, frozen=True, gc=False):
    """Of a `MetricAlarm` what decides how it is evaluated; `hours` is None or something."""

    evaluation_periods: int
    operator: str
    stat: Watched | None = None
    threshold: float | None = None
    datapoints_to_alarm: int | None = None
    treatment: Treatment | None = None
    hours: object = None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Of an `AlarmState` what the next evaluation asks for."""

    value: State
    trouble: str | None = None


class _Stored(msgspec.Struct, Generic[T], frozen=True, gc=False):
    v: int
    value: T


_OUTLINES = msgspec.json.Decoder(list[_Stored[Outline]])
_STANDINGS = msgspec.json.Decoder(list[_Stored[Standing]])


def outlines(bodies: Sequence[bytes]) -> list[Outline]:
    """The outlines of metric alarms. Raises: StoreUnavailable: see `Kind.decode`."""
    return _read(bodies, _OUTLINES, METRIC_ALARM)


def standings(bodies: Sequence[bytes]) -> list[Standing]:
    """The standings of alarms' states. Raises: StoreUnavailable: see `Kind.decode`."""
    return _read(bodies, _STANDINGS, STATE)


def _read(bodies: Sequence[bytes], decoder: "msgspec.json.Decoder[list[_Stored[T]]]", kind: Kind[U]) -> list[T]:
    found: list[T] = []
    for first in range(0, len(bodies), _PORTION):
        portion = bodies[first : first + _PORTION]
        try:
            read = decoder.decode(b"[" + b",".join(portion) + b"]")
            current = {each.v for each in read} <= {kind.version}
        except msgspec.MsgspecError:
            current = False
        if not current:
            # Something an older release wrote: brought up to date first; or nothing at all, and `Kind` says so.
            today = [kind.encode(kind.decode(body)) for body in portion]
            read = decoder.decode(b"[" + b",".join(today) + b"]")
        found += [each.value for each in read]
    return found
