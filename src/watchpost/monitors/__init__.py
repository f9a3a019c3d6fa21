"""Monitors: a baseline and new data in, a Report out; one file each, found by its name.

Every monitor learns (`suggest_baseline`), looks (`observe`: the only part that reads rows) and judges (`judge`: a pure
function of what was learned and what was seen, so a verdict can be given again at any time).
"""

from collections.abc import Callable
from dataclasses import dataclass

from watchpost.constraints.baseline import Baseline
from watchpost.data.dataset import Dataset
from watchpost.data.quarantine import Quarantine
from watchpost.monitors._observation import Observation, observed_elsewhere
from watchpost.registry import Family
from watchpost.verdicts import Report


@dataclass(frozen=True, slots=True)
class Terms:
    """How to judge.

    compat: reproduce the original's verdicts. drift_test: decide drift by this member of `watchpost.drift` at its own
    threshold, whatever the constraints say; None follows the constraints.
    """

    compat: bool = False
    drift_test: str | None = None


@dataclass(frozen=True, slots=True)
class Monitor:
    """What every member of this family offers."""

    suggest_baseline: Callable[[Dataset, Quarantine], Baseline]
    observe: Callable[[Baseline, Dataset, Quarantine], Observation]
    judge: Callable[[Baseline, Observation, Terms], Report]


MONITORS = Family("watchpost.monitors", Monitor)

__all__ = ["MONITORS", "Monitor", "Observation", "Terms", "observed_elsewhere"]
