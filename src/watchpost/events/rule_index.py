"""Many patterns asked at once: an event is shown only to those that can hold for its source and detail type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from watchpost.events.fields import take_apart
from watchpost.events.pattern import Pattern

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class RuleIndex(Generic[K]):
    """Patterns by what they can hold for: those that name sources, those that name detail types, all others."""

    by_source: Mapping[str, tuple[int, ...]]
    by_detail_type: Mapping[str, tuple[int, ...]]
    others: tuple[int, ...]
    rules: tuple[tuple[K, Pattern], ...]

    @classmethod
    def of(cls, patterns: Mapping[K, Pattern]) -> "RuleIndex[K]":
        """The index of these patterns; what it finds it names by their keys."""
        by_source: dict[str, list[int]] = {}
        by_detail_type: dict[str, list[int]] = {}
        others: list[int] = []
        for at, pattern in enumerate(patterns.values()):
            for path, table in (("source", by_source), ("detail-type", by_detail_type)):
                values = pattern.strings(path)
                if values is not None:
                    for value in values:
                        table.setdefault(value, []).append(at)
                    break
            else:
                others.append(at)
        return cls(
            {value: tuple(found) for value, found in by_source.items()},
            {value: tuple(found) for value, found in by_detail_type.items()},
            tuple(others),
            tuple(patterns.items()),
        )

    def matching(self, event: Mapping[str, object]) -> list[K]:
        """The keys of the patterns that hold for an envelope, in the order in which they were given.

        `source` and `detail-type` must be strings in the event, as they are in every envelope.
        """
        candidates = [
            *self.by_source.get(str(event.get("source")), ()),
            *self.by_detail_type.get(str(event.get("detail-type")), ()),
            *self.others,
        ]
        if not candidates:
            return []
        fields = take_apart(event)
        return [self.rules[at][0] for at in sorted(candidates) if self.rules[at][1].matches_fields(fields)]
