"""Monitors: a baseline and new data in, a Report out; one file each, found by its name.

Every monitor learns (`suggest_baseline`), looks (`observe`: the only part that reads rows) and judges (`judge`: a pure
function of what was learned and what was seen, so a verdict can be given again at any time).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.monitors._observation import Observation, observed_elsewhere
from watchpost.monitors._settings import Settings
from watchpost.registry import Family
from watchpost.verdicts import Report


class Learned(Protocol):
    """A baseline of any monitor."""

    @property
    def name(self) -> str:
        """Where it came from, for messages and reports."""
        ...

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns it knows, in order: the names of data that comes without any."""
        ...

    def save(self, folder: str | Path) -> Path:
        """Write its files into a folder, made if need be; returns the folder."""
        ...


@dataclass(frozen=True, slots=True)
class LearnedSummary:
    """What to tell a person who has just learned a baseline. features: names and types; files: names, as written."""

    sentence: str
    rows: int
    files: tuple[str, ...]
    features: tuple[tuple[str, str], ...] = ()


B = TypeVar("B", bound=Learned)
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Terms:
    """How to judge.

    compat: reproduce the original's verdicts. drift_test: decide drift by this member of `watchpost.drift` at its own
    threshold, whatever the constraints say; None follows the constraints.
    """

    compat: bool = False
    drift_test: str | None = None


@dataclass(frozen=True, slots=True)
class Monitor(Generic[B, S]):
    """What every member of this family offers. B is its baseline, S what it sees of new data.

    suggest_baseline: learn from data that is known to be good. load: read a baseline from its folder.
    observe: see new data. judge: say what is wrong with it. files: the files an execution leaves behind, by name, in
    the service's formats; None for one that must not exist (its readers take its presence for a fault).
    summary: what to tell a person of a baseline. recall: what somebody else saw, when the data is a file of that; None
    where there is no such file.
    """

    suggest_baseline: Callable[[Dataset, Settings, Quarantine], B]
    load: Callable[[Path], B]
    observe: Callable[[B, Dataset, Settings, Quarantine], S]
    judge: Callable[[B, S, Terms], Report]
    files: Callable[[S, Report], Mapping[str, str | None]]
    summary: Callable[[B], LearnedSummary]
    recall: Callable[[object], S | None] | None = None


# A member's own baseline and observation go round in a circle; whoever holds the family only hands them on.
MONITORS: Family[Monitor[Any, Any]] = Family("watchpost.monitors", Monitor)

__all__ = ["MONITORS", "Learned", "LearnedSummary", "Monitor", "Observation", "Settings", "Terms", "observed_elsewhere"]
