"""`constraints.json`: the file format of constraints, as the original writes it and its users edit it."""

from typing import TypeVar, get_args

from watchpost.constraints.document import (
    CategoricalMethod,
    ComparisonMethod,
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    Override,
    Switch,
)
from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import Fields, Tree, decode, graft, pretty
from watchpost.profiles.statistics import InferredType

_TYPES: tuple[InferredType, ...] = get_args(InferredType)
_SWITCH: tuple[Switch, ...] = get_args(Switch)
_METHODS: tuple[ComparisonMethod, ...] = get_args(ComparisonMethod)
_CATEGORICAL_METHODS: tuple[CategoricalMethod, ...] = get_args(CategoricalMethod)

Word = TypeVar("Word", bound=str)

# The documentation's spelling, then the one the original's Python SDK writes: what somebody set with the SDK on top of
# a hand-written file is the younger decision. Both were also seen inside a feature's own constraints.
_OVERRIDES = ("monitoringConfigOverrides", "monitoring_config_overrides")


def parse_constraints(text: str | bytes, path: str) -> Constraints:
    """Read a `constraints.json` of data quality.

    Args: text: the file's content. path: its name, for errors.
    Returns: the constraints; keys the file lacks stay None, unknown keys are kept.
    Raises: MalformedBaseline with the path of the field and what was expected there.
    """
    root = decode(text, path)
    features = tuple(_feature(fields) for fields in root.children("features", detached=True))
    seen: set[str] = set()
    for index, feature in enumerate(features):
        if feature.name in seen:
            raise MalformedBaseline(path, f"features[{index}].name", f"a second feature is named {feature.name!r}")
        seen.add(feature.name)
    config = root.child("monitoring_config")
    version = root.number("version") if root.has("version") else 0.0
    return Constraints(features, None if config is None else _config(config), version, root.unknown())


def write_constraints(constraints: Constraints) -> str:
    """The text of a `constraints.json`, in the original's layout, with exactly the keys that have a value."""
    tree: dict[str, Tree] = {
        "version": constraints.version,
        "features": [_feature_tree(feature) for feature in constraints.features],
    }
    if constraints.monitoring_config is not None:
        tree["monitoring_config"] = _config_tree(constraints.monitoring_config)
    graft(tree, constraints.unknown)
    return pretty(tree)


def _feature(fields: Fields) -> FeatureConstraints:
    name = fields.text("name")
    text_type = fields.text("inferred_type", allowed=_TYPES)
    numeric, string = fields.child("num_constraints"), fields.child("string_constraints")
    holders = [(("num_constraints",), numeric), (("string_constraints",), string), ((), fields)]
    overrides = [
        Override((*place, key), _config(config))
        for place, holder in holders
        if holder is not None
        for key in _OVERRIDES
        if (config := holder.child(key)) is not None
    ]
    return FeatureConstraints(
        name,
        next(t for t in _TYPES if t == text_type),
        completeness=fields.number("completeness", least=0, most=1) if fields.has("completeness") else None,
        is_non_negative=numeric.flag("is_non_negative") if numeric and numeric.has("is_non_negative") else None,
        domains=string.texts("domains") if string and string.has("domains") else None,
        overrides=tuple(overrides),
        unknown=fields.unknown(),
    )


def _config(fields: Fields) -> MonitoringConfig:
    distribution = fields.child("distribution_constraints")
    return MonitoringConfig(
        evaluate_constraints=_choice(fields, "evaluate_constraints", _SWITCH),
        emit_metrics=_choice(fields, "emit_metrics", _SWITCH),
        datatype_check_threshold=_share(fields, "datatype_check_threshold"),
        domain_content_threshold=_share(fields, "domain_content_threshold"),
        distribution_constraints=None if distribution is None else _distribution(distribution),
    )


def _distribution(fields: Fields) -> DistributionConstraints:
    return DistributionConstraints(
        perform_comparison=_choice(fields, "perform_comparison", _SWITCH),
        comparison_threshold=_distance(fields, "comparison_threshold"),
        comparison_method=_choice(fields, "comparison_method", _METHODS),
        categorical_comparison_threshold=_distance(fields, "categorical_comparison_threshold"),
        categorical_drift_method=_choice(fields, "categorical_drift_method", _CATEGORICAL_METHODS),
    )


def _choice(fields: Fields, key: str, allowed: tuple[Word, ...]) -> Word | None:
    if not fields.has(key):
        return None
    text = fields.text(key, allowed=allowed)
    return next(word for word in allowed if word == text)


def _share(fields: Fields, key: str) -> float | None:
    return fields.number(key, least=0, most=1) if fields.has(key) else None


def _distance(fields: Fields, key: str) -> float | None:
    return fields.number(key, least=0) if fields.has(key) else None


def _feature_tree(feature: FeatureConstraints) -> dict[str, Tree]:
    tree = _present(
        {"name": feature.name, "inferred_type": feature.inferred_type, "completeness": feature.completeness}
    )
    if feature.is_non_negative is not None:
        tree["num_constraints"] = {"is_non_negative": feature.is_non_negative}
    if feature.domains is not None:
        tree["string_constraints"] = {"domains": list(feature.domains)}
    for override in feature.overrides:
        holder: Tree = tree
        for step in override.place[:-1]:
            holder = holder.setdefault(step, {}) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[override.place[-1]] = _config_tree(override.config)
    graft(tree, feature.unknown)
    return tree


def _config_tree(config: MonitoringConfig) -> dict[str, Tree]:
    tree = _present(
        {
            "evaluate_constraints": config.evaluate_constraints,
            "emit_metrics": config.emit_metrics,
            "datatype_check_threshold": config.datatype_check_threshold,
            "domain_content_threshold": config.domain_content_threshold,
        }
    )
    distribution = config.distribution_constraints
    if distribution is not None:
        tree["distribution_constraints"] = _present(
            {
                "perform_comparison": distribution.perform_comparison,
                "comparison_threshold": distribution.comparison_threshold,
                "comparison_method": distribution.comparison_method,
                "categorical_comparison_threshold": distribution.categorical_comparison_threshold,
                "categorical_drift_method": distribution.categorical_drift_method,
            }
        )
    return tree


def _present(fields: dict[str, str | float | None]) -> dict[str, Tree]:
    return {key: value for key, value in fields.items() if value is not None}
