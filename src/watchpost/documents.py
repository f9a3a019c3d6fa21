"""Values to versioned JSON and back: the one place that encodes what is stored or handed to a queue.

A `Kind` names a type of stored value. What is written carries the kind's version; a reader meets every version that was
ever released by `upgrades`, one step each, and refuses what a newer release wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from watchpost.errors import StoreUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of document: its name in the store, the type of its values, and the version written today.

    `upgrades[n]` turns the plain JSON of version n into that of version n + 1.
    """

    name: str
    type: type[T]
    version: int = 1
    upgrades: Mapping[int, Callable[[dict[str, object]], dict[str, object]]] = field(default_factory=dict)
    _today: "msgspec.json.Decoder[_Today[T]]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_today", msgspec.json.Decoder(_Today[self.type]))  # type: ignore[name-defined]

    def encode(self, value: T) -> bytes:
        """The value as JSON: `{"v": version, "value": …}`. Instants are ISO 8601, bytes base64."""
        return msgspec.json.encode({"v": self.version, "value": value})

    def decode(self, body: bytes) -> T:
        """The value that `encode` wrote, of this version or an older one.

        Raises: StoreUnavailable: a newer release wrote it, or it is not what this kind promises.
        """
        try:
            # Nearly every document is of today's version, and read in one go.
            today = self._today.decode(body)
            if today.v == self.version:
                return today.value
        except msgspec.MsgspecError:
            pass
        return self._decode_slowly(body)

    def _decode_slowly(self, body: bytes) -> T:
        try:
            envelope = msgspec.json.decode(body, type=_Envelope)
            version, plain = envelope.v, envelope.value
            if version == self.version:
                return msgspec.json.decode(plain, type=self.type)
            if version > self.version:
                raise StoreUnavailable(
                    self.name, f"holds version {version} of {self.name!r}, newer than this release", "Upgrade Watchpost"
                )
            older = msgspec.json.decode(plain, type=dict[str, object])
            for step in range(version, self.version):
                older = self.upgrades[step](older)
            return msgspec.convert(older, type=self.type)
        except (msgspec.MsgspecError, KeyError) as problem:
            raise StoreUnavailable(
                self.name, f"holds a {self.name!r} document that cannot be read ({problem})", "Restore it from a backup"
            ) from problem


class _Today(msgspec.Struct, Generic[T]):
    v: int
    value: T


class _Envelope(msgspec.Struct):
    v: int
    value: msgspec.Raw
