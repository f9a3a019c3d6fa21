"""Where records go that cannot be read: counted always, kept up to a bound, never dropped in silence."""

from collections import Counter
from collections.abc import Callable

from watchpost.verdicts import QuarantinedRecord, QuarantineSummary

_EXCERPT = 200  # characters of the record kept: enough to recognise it, too few to leak a whole row into a report


class Quarantine:
    """Collects unreadable records of one run.

    Args: keep: how many are kept with their place and text (all are counted). sink: called with every one, e.g. to
    append it to a file; it is called on the reading thread.
    """

    def __init__(self, keep: int = 100, sink: Callable[[QuarantinedRecord], None] | None = None) -> None:
        self._keep, self._sink = keep, sink
        self._total = 0
        self._reasons: Counter[str] = Counter()
        self._first: list[QuarantinedRecord] = []

    def add(self, source: str, line: int | None, reason: str, detail: str = "", excerpt: str = "") -> None:
        """Set one record aside. reason: the kind of fault, counted by; detail: what is particular to this record."""
        self._total += 1
        self._reasons[reason] += 1
        if self._sink is None and len(self._first) >= self._keep:
            return
        record = QuarantinedRecord(source, line, f"{reason}: {detail}" if detail else reason, excerpt[:_EXCERPT])
        if len(self._first) < self._keep:
            self._first.append(record)
        if self._sink is not None:
            self._sink(record)

    @property
    def total(self) -> int:
        """How many records were set aside so far."""
        return self._total

    def summary(self) -> QuarantineSummary:
        """The state so far, as a plain value."""
        return QuarantineSummary(self._total, dict(self._reasons.most_common()), tuple(self._first))
