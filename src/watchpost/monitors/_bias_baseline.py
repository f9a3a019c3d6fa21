"""A bias baseline: Clarify's `analysis.json`, which is its constraints, with its configuration and our counts."""

import re
from dataclasses import dataclass
from pathlib import Path

from watchpost.bias import (
    Above,
    Analysis,
    BiasConfiguration,
    EachValue,
    FacetRule,
    Grouping,
    OneOf,
    parse_analysis,
    write_analysis,
)
from watchpost.bias.configuration import Scalar
from watchpost.bias.groups import Rule
from watchpost.errors import BaselineNotFound, MalformedBaseline
from watchpost.monitors._bias_columns import POSITIVE_PREDICTION, PREDICTED
from watchpost.monitors._bias_counts_json import COUNTS, Learned, parse_counts, write_counts
from watchpost.monitors._bias_settings import CONFIGURATION, Asked, asked

ANALYSIS = "analysis.json"
_INTERVAL = re.compile(r"\(([^,]+), [^,]+\]")


@dataclass(frozen=True, slots=True, eq=False)
class BiasBaseline:
    """What was learned, or what the original service left.

    asked: None where the folder has no configuration; then the settings must bring it. learned: None for a baseline of
    the original, whose figures are then taken as exact. name: where it came from, for messages and reports.
    """

    analysis: Analysis
    asked: Asked | None
    learned: Learned | None
    name: str = "baseline"

    @classmethod
    def load(cls, folder: Path) -> "BiasBaseline":
        """Read a folder; `analysis.json` alone will do. Raises: BaselineNotFound, MalformedBaseline."""
        path = folder / ANALYSIS
        if not path.is_file():
            raise BaselineNotFound(str(folder), f"a folder with {ANALYSIS}")
        analysis = parse_analysis(path.read_bytes(), str(path))
        if not any(stage.groups for stage in analysis.stages):
            raise MalformedBaseline(
                str(path), "post_training_bias_metrics", "expected bias metrics of at least 1 facet"
            )
        config, counts = folder / CONFIGURATION, folder / COUNTS
        question = asked(config.read_text(encoding="utf-8"), str(config)) if config.is_file() else None
        learned = parse_counts(counts.read_bytes(), str(counts)) if counts.is_file() else None
        return cls(analysis, question, learned, str(folder))

    def save(self, folder: str | Path) -> Path:
        """Write `analysis.json`, `analysis_config.json` and `bias_counts.json`; returns the folder, made if need be."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        (root / ANALYSIS).write_text(write_analysis(self.analysis), encoding="utf-8")
        if self.asked is not None:
            (root / CONFIGURATION).write_text(self.asked.text, encoding="utf-8")
        if self.learned is not None:
            (root / COUNTS).write_text(write_counts(self.learned), encoding="utf-8")
        return root

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns it knows, in order: the names of data that comes without any."""
        if self.learned is not None:
            return self.learned.columns
        return self.asked.configuration.headers if self.asked is not None else ()

    @property
    def rows(self) -> int:
        """The rows it was learned from; 0 where that is not known."""
        return self.learned.counts.rows if self.learned is not None else 0

    @property
    def predicted(self) -> bool:
        """Whether it says anything of predictions."""
        return any(stage.stage == "post_training" for stage in self.analysis.stages)

    def grouping(self, question: Asked) -> Grouping:
        """Who is counted where: as it was settled, or as the texts of `analysis.json` tell that it was.

        Raises: MalformedBaseline when the file knows none of the facets.
        """
        if self.learned is not None:
            return self.learned.counts.grouping
        texts = {group.facet: group.value_or_threshold for stage in self.analysis.stages for group in stage.groups}
        configuration = question.configuration
        alone = {f.name: _facet_rule(f.values, texts.get(f.name, "")) for f in configuration.facets}
        pairs = {FacetRule(pair, (alone[pair[0]], alone[pair[1]])).name: pair for pair in question.intersections}
        facets = [FacetRule((name,), (rule,)) for name, rule in alone.items() if name in texts]
        facets += [FacetRule(p, (alone[p[0]], alone[p[1]])) for name, p in pairs.items() if name in texts]
        if not facets:
            known = ", ".join(map(repr, texts))
            raise MalformedBaseline(self.name, "facets", f"expected one of the configuration's facets, found {known}")
        return Grouping(
            configuration.label,
            self._positive(configuration),
            tuple(facets),
            PREDICTED if self.predicted else None,
            POSITIVE_PREDICTION,
            configuration.group_variable,
        )

    def _positive(self, configuration: BiasConfiguration) -> Rule:
        return _settled(configuration.positive, self.analysis.stages[0].label_value_or_threshold)


def _facet_rule(values: tuple[Scalar, ...] | None, text: str) -> Rule | EachValue:
    return EachValue() if values is None else _settled(values, text)


def _settled(values: tuple[Scalar, ...], text: str) -> Rule:
    """A number was taken for a threshold where the file prints an interval."""
    interval, first = _INTERVAL.fullmatch(text), values[0]
    if len(values) == 1 and interval is not None and isinstance(first, int | float):
        return Above(float(first))
    return OneOf(values)
