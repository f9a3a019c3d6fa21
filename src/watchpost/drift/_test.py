"""The record every drift test is, and the family of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from watchpost.profiles.gap import CategoryCounts, DistributionFunctions
from watchpost.registry import Family

Pair_contra = TypeVar("Pair_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Measure(Generic[Pair_contra]):
    """How a test measures one kind of column.

    statistic: the value for two samples; None where it cannot be computed. It does not depend on the order of rows.
    chance: given the two samples and 1/n + 1/m, what the statistic of equal distributions exceeds once in a thousand
        windows of n rows against m; None where nothing is allowed for (see the chapter's rules).
    """

    statistic: Callable[[Pair_contra], float | None]
    chance: Callable[[Pair_contra, float], float] | None = None


@dataclass(frozen=True, slots=True)
class DriftTest:
    """One way to tell whether a distribution moved.

    summary: what the statistic is, as a phrase. kind: a "distance" drifts above its threshold, a "p_value" below it.
    default_threshold: used when none is configured; threshold_source says where it comes from.
    lowest, highest: range of the statistic (highest may be infinite).
    symmetric: exchanging the sides leaves the statistic as it is; where numbers are put in cells, the cells stay.
    numeric, categorical: how numbers and text are measured; None where the test has no meaning for them.
    minimum_rows: values needed on each side. By default ten: below that a single row alone moves a share by more than
        the usual threshold of 0.1.
    attainable: given 1/n + 1/m, the largest value the statistic can reach; None where it can always reach `highest`.
        A test that cannot reach its threshold whatever happens must not say "no".
    in_original: the original service has this test, so `compat` applies to it.
    original: how the original measures text where we measure otherwise; used with `compat` only.
    """

    summary: str
    kind: Literal["distance", "p_value"]
    default_threshold: float
    threshold_source: str
    lowest: float
    highest: float
    symmetric: bool
    numeric: Measure[DistributionFunctions] | None = None
    categorical: Measure[CategoryCounts] | None = None
    minimum_rows: int = 10
    attainable: Callable[[float], float] | None = None
    in_original: bool = False
    original: Callable[[CategoryCounts], float | None] | None = None

    @property
    def kinds(self) -> frozenset[Literal["numeric", "categorical"]]:
        """The kinds of columns the test is made for."""
        numeric: frozenset[Literal["numeric", "categorical"]] = frozenset({"numeric"} if self.numeric else ())
        return numeric | (frozenset({"categorical"}) if self.categorical else frozenset())

    @property
    def direction(self) -> Literal["drift above threshold", "drift below threshold"]:
        """On which side of the threshold drift lies."""
        return "drift above threshold" if self.kind == "distance" else "drift below threshold"


TESTS = Family("watchpost.drift", DriftTest)
