"""What a check sees and what it answers: the words all checks share."""

from collections.abc import Callable
from dataclasses import dataclass

from watchpost.constraints.document import FeatureConstraints, Rules
from watchpost.profiles.baseline_json import java_double
from watchpost.profiles.statistics import FeatureStatistics
from watchpost.verdicts import Violation


@dataclass(frozen=True, slots=True)
class Column:
    """All that a check of one column may look at. No other column is in sight, so a fault elsewhere changes nothing."""

    constraints: FeatureConstraints
    rules: Rules
    baseline: FeatureStatistics | None
    current: FeatureStatistics

    @property
    def name(self) -> str:
        """The column's name."""
        return self.constraints.name


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one single check. ran: False when there was nothing it could judge by."""

    violation: Violation | None = None
    note: str | None = None
    ran: bool = True


ColumnCheck = Callable[[Column], Finding]

PASSED = Finding()
NOT_RUN = Finding(ran=False)


def violated(feature_name: str, check_type: str, description: str) -> Finding:
    """A check that ran and failed."""
    return Finding(Violation(feature_name, check_type, description))


def percent(share: float) -> str:
    """A share in [0, 1] as the original prints it: all digits of the double, times 100 (2/3 is 66.66666666666666%)."""
    return f"{java_double(share * 100)}%"


def old_wording(share: float) -> str:
    """The containers' wording of 2019, trailing blank included; the newer wording of these checks is not public."""
    return f"Value: {java_double(share)} does not meet the constraint requirement! "


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
