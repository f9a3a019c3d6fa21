"""Feature attribution: explainers, global attributions, and how far their order and every feature's part moved.

explainers/ (family) -> explanation -> global_attribution -> drift (ndcg, chance) -> outcome, violations, next_steps.
Models are functions (`model`), near or behind an endpoint (`remote`, `endpoint`). Files: `analysis_json`,
`analysis_config`, `attribution_data`, `metadata_json`.
"""

from watchpost.attribution.analysis_config import AnalysisConfig, parse_config, write_config
from watchpost.attribution.analysis_json import Analysis, parse_analysis, write_analysis
from watchpost.attribution.attribution_data import parse_attributions, write_attributions
from watchpost.attribution.drift import Sensitivity, compare
from watchpost.attribution.explainers import EXPLAINERS, Explainer, Task, choose
from watchpost.attribution.explanation import Explanation
from watchpost.attribution.global_attribution import GlobalAttribution, LabelAttribution, summarise
from watchpost.attribution.metadata_json import ModelMetadata, differences, parse_metadata, write_metadata
from watchpost.attribution.ndcg import ndcg
from watchpost.attribution.next_steps import next_steps
from watchpost.attribution.outcome import AttributionDrift, AttributionViolation, Exchange, FeatureChange, LabelDrift
from watchpost.attribution.violations import parse_violations, write_violations

__all__ = [
    "EXPLAINERS",
    "Analysis",
    "AnalysisConfig",
    "AttributionDrift",
    "AttributionViolation",
    "Exchange",
    "Explainer",
    "Explanation",
    "FeatureChange",
    "GlobalAttribution",
    "LabelAttribution",
    "LabelDrift",
    "ModelMetadata",
    "Sensitivity",
    "Task",
    "choose",
    "compare",
    "differences",
    "ndcg",
    "next_steps",
    "parse_analysis",
    "parse_attributions",
    "parse_config",
    "parse_metadata",
    "parse_violations",
    "summarise",
    "write_analysis",
    "write_attributions",
    "write_config",
    "write_metadata",
    "write_violations",
]
