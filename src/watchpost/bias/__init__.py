"""Bias: pre- and post-training metrics between groups of people, and whether they grew.

| file | what |
|---|---|
| configuration | `analysis_config.json`: labels, facets, group variable |
| groups | who belongs to which group: values, thresholds, every value, intersections of two facets |
| counts | confusion cells per group, which merge over windows |
| metrics | the metrics of counts, with their conventions |
| flip_test | the one metric that needs the rows |
| intervals | how far each may be off by chance |
| table | all metrics of all groups |
| analysis_json | `analysis.json`, read and written without loss |
| compare | a window against a baseline: verdicts and violations |
| words | each metric in plain words |
"""

from watchpost.bias.analysis_json import Analysis, as_analysis, parse_analysis, write_analysis
from watchpost.bias.compare import BiasComparison, BiasVerdict, BiasViolation, compare_bias, compare_tables
from watchpost.bias.configuration import BiasConfiguration, Facet, parse_configuration
from watchpost.bias.counts import BiasCounts, count
from watchpost.bias.groups import Above, EachValue, FacetRule, Grouping, OneOf, grouping
from watchpost.bias.table import BiasTable, bias_table, flip_tests, tabulate

__all__ = [
    "Above",
    "Analysis",
    "BiasComparison",
    "BiasConfiguration",
    "BiasCounts",
    "BiasTable",
    "BiasVerdict",
    "BiasViolation",
    "EachValue",
    "Facet",
    "FacetRule",
    "Grouping",
    "OneOf",
    "as_analysis",
    "bias_table",
    "compare_bias",
    "compare_tables",
    "count",
    "flip_tests",
    "grouping",
    "parse_analysis",
    "parse_configuration",
    "tabulate",
    "write_analysis",
]
