"""Constraints: what a table has to satisfy, as plain frozen values, and what holds where the file is silent.

A field is None where the file has no such key. `Constraints.rules_for` answers with every value filled in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeVar

from watchpost.profiles.baseline_json import UnknownField
from watchpost.profiles.statistics import InferredType

Switch = Literal["Enabled", "Disabled"]
ComparisonMethod = Literal["Robust", "Simple"]
CategoricalMethod = Literal["LInfinity", "ChiSquared"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DistributionConstraints:
    """How far a distribution may move; thresholds are distances in [0, 1] (for ChiSquared with Robust: a p-value)."""

    perform_comparison: Switch | None = None
    comparison_threshold: float | None = None
    comparison_method: ComparisonMethod | None = None
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: CategoricalMethod | None = None


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """The switches and thresholds of a whole file, or those a feature overrides.

    datatype_check_threshold, domain_content_threshold: least share of cells, in [0, 1].
    """

    evaluate_constraints: Switch | None = None
    emit_metrics: Switch | None = None
    datatype_check_threshold: float | None = None
    domain_content_threshold: float | None = None
    distribution_constraints: DistributionConstraints | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A feature's own configuration, and where in the feature it stands (both spellings, several places were seen)."""

    place: tuple[str, ...]
    config: MonitoringConfig


@dataclass(frozen=True, slots=True)
class FeatureConstraints:
    """What one column has to satisfy.

    completeness: least share of rows with a value, in [0, 1]. domains: the values a text column may take.
    is_non_negative: written by the original for every number, and reported by none of its checks; so it is by none
    of ours. overrides: the strongest last. unknown: fields of the file that we do not know.
    """

    name: str
    inferred_type: InferredType
    completeness: float | None = None
    is_non_negative: bool | None = None
    domains: tuple[str, ...] | None = None
    overrides: tuple[Override, ...] = ()
    unknown: tuple[UnknownField, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one feature: the defaults, under the file's configuration, under the feature's own.

    The defaults are the values the original's own baseline jobs write. Its documentation says 0.1 for the two content
    thresholds; no file of it ever carried that, and at 0.1 a column could lose 89 % of its cells unnoticed.
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: ComparisonMethod = "Robust"
    categorical_comparison_threshold: float = 0.1
    categorical_drift_method: CategoricalMethod = "LInfinity"


@dataclass(frozen=True, slots=True)
class Constraints:
    """A whole `constraints.json`: one entry per column, in column order, and the configuration for all."""

    features: tuple[FeatureConstraints, ...]
    monitoring_config: MonitoringConfig | None = None
    version: float = 0.0
    unknown: tuple[UnknownField, ...] = ()

    @property
    def evaluated(self) -> bool:
        """False when the file switches all checks off."""
        config = self.monitoring_config
        return config is None or config.evaluate_constraints != "Disabled"

    def rules_for(self, feature: FeatureConstraints | None) -> Rules:
        """What holds for that feature; None asks for the rules of a column these constraints do not name.

        A file that disables evaluation for all disables it for every feature: no override brings it back.
        """
        layers = [self.monitoring_config or MonitoringConfig()]
        if feature is not None:
            layers += [override.config for override in feature.overrides]
        return _resolved(layers, evaluated=self.evaluated)


def _resolved(layers: list[MonitoringConfig], *, evaluated: bool) -> Rules:
    standard, strong = Rules(), layers[::-1]
    drift = [config.distribution_constraints for config in strong if config.distribution_constraints is not None]
    # A text column takes the categorical threshold, else the common one, of the strongest layer that has either: a
    # feature that overrides only comparison_threshold means it, although the file sets a categorical one for all.
    text_thresholds = ((d.categorical_comparison_threshold, d.comparison_threshold) for d in drift)
    return Rules(
        evaluate_constraints=evaluated and _first((c.evaluate_constraints for c in strong), "Enabled") == "Enabled",
        emit_metrics=_first((c.emit_metrics for c in strong), "Enabled") == "Enabled",
        datatype_check_threshold=_first(
            (c.datatype_check_threshold for c in strong), standard.datatype_check_threshold
        ),
        domain_content_threshold=_first(
            (c.domain_content_threshold for c in strong), standard.domain_content_threshold
        ),
        perform_comparison=_first((d.perform_comparison for d in drift), "Enabled") == "Enabled",
        comparison_threshold=_first((d.comparison_threshold for d in drift), standard.comparison_threshold),
        comparison_method=_first((d.comparison_method for d in drift), standard.comparison_method),
        categorical_comparison_threshold=_first(chain.from_iterable(text_thresholds), standard.comparison_threshold),
        categorical_drift_method=_first((d.categorical_drift_method for d in drift), standard.categorical_drift_method),
    )


def _first(values: Iterable[T | None], default: T) -> T:
    return next((value for value in values if value is not None), default)
