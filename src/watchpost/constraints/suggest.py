"""Suggest constraints: what a baseline's statistics say about every table to come."""

from watchpost.constraints.document import (
    CategoricalMethod,
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
)
from watchpost.profiles.statistics import FeatureStatistics, Statistics


def suggest_constraints(
    statistics: Statistics, *, categorical_drift_method: CategoricalMethod = "LInfinity"
) -> Constraints:
    """The constraints the original's baseline job writes (its newest form), one entry per feature, in their order.

    Type and share of present values as observed, sign of every number, and all values of a text column with few; never
    limits on minimum, maximum or mean. categorical_drift_method: the one setting the original lets a user choose.
    """
    return Constraints(
        features=tuple(_suggest(feature) for feature in statistics.features),
        monitoring_config=MonitoringConfig(
            evaluate_constraints="Enabled",
            emit_metrics="Enabled",
            datatype_check_threshold=1.0,
            domain_content_threshold=1.0,
            distribution_constraints=DistributionConstraints(
                perform_comparison="Enabled",
                comparison_threshold=0.1,
                comparison_method="Robust",
                categorical_comparison_threshold=0.1,
                categorical_drift_method=categorical_drift_method,
            ),
        ),
    )


def _suggest(feature: FeatureStatistics) -> FeatureConstraints:
    numeric = feature.numeric if feature.inferred_type in ("Integral", "Fractional") else None
    text = feature.inferred_type == "String"
    return FeatureConstraints(
        name=feature.name,
        inferred_type=feature.inferred_type,
        completeness=feature.present_ratio,
        is_non_negative=None if numeric is None else bool(numeric.min >= 0),
        domains=tuple(feature.categories) if text and feature.categories is not None else None,
    )
