"""`analysis.json`, the explanations in it (contract 8.2), read and written without loss.

The file may hold bias metrics, partial dependence plots and texts too: what is not ours is kept and comes back in its
place.
"""

from dataclasses import dataclass

from watchpost.attribution._fields import names
from watchpost.attribution.global_attribution import Aggregation, GlobalAttribution, LabelAttribution
from watchpost.profiles.baseline_json import Fields, Tree, UnknownField, decode, graft, pretty

METHOD = "kernel_shap"
"""The key of the explanations. The original has Kernel SHAP only, and its readers look here, whatever the explainer."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The explanations of one file: global attributions per label, in file order, and everything else in `unknown`."""

    labels: tuple[LabelAttribution, ...]
    version: str = "1.0"
    unknown: tuple[UnknownField, ...] = ()

    def attribution(self, aggregation: Aggregation) -> GlobalAttribution:
        """As something to compare with. The file does not say how it was aggregated: analysis_config.json does."""
        return GlobalAttribution(aggregation, self.labels)


def parse_analysis(text: str | bytes, path: str) -> Analysis:
    """The explanations of a file; no label when it holds none. Raises: MalformedBaseline naming the field."""
    fields = decode(text, path)
    version = fields.text("version") if fields.has("version") else "1.0"
    explanations = fields.child("explanations")
    method = explanations.child(METHOD) if explanations is not None else None
    labels = tuple(_label(method, label) for label in names(method)) if method is not None else ()
    return Analysis(labels, version, fields.unknown())


def write_analysis(analysis: Analysis) -> str:
    """The file's text."""
    tree: dict[str, Tree] = {"version": analysis.version}
    if analysis.labels:
        by_label: dict[str, Tree] = {label.label: _tree(label) for label in analysis.labels}
        tree["explanations"] = {METHOD: by_label}
    graft(tree, analysis.unknown)
    return pretty(tree)


def _label(method: Fields, label: str) -> LabelAttribution:
    own = method.child(label)
    values = own.child("global_shap_values") if own is not None else None
    if own is None or values is None:
        raise (own or method).refuse(label if own is None else "global_shap_values", "an object")
    features = names(values)
    expected = own.number("expected_value") if own.has("expected_value") else None
    return LabelAttribution(label, features, tuple(values.number(feature) for feature in features), expected)


def _tree(label: LabelAttribution) -> dict[str, Tree]:
    values: dict[str, Tree] = dict(label.by_feature)
    tree: dict[str, Tree] = {"global_shap_values": values}
    if label.expected is not None:
        tree["expected_value"] = label.expected
    return tree
