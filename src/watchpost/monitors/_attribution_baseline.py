"""The baseline of explainability: what each feature contributed, how that was found out, and the rows it rests on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from watchpost.attribution import (
    Analysis,
    AnalysisConfig,
    Explanation,
    GlobalAttribution,
    ModelMetadata,
    parse_analysis,
    parse_attributions,
    parse_config,
    parse_metadata,
    summarise,
    write_analysis,
    write_attributions,
    write_config,
    write_metadata,
)
from watchpost.errors import BaselineNotFound, MalformedBaseline

ANALYSIS, CONFIG = "analysis.json", "analysis_config.json"
ATTRIBUTIONS, METADATA = "attribution_data.jsonl", "model_metadata.json"


@dataclass(frozen=True, slots=True, eq=False)  # an explanation holds arrays
class AttributionBaseline:
    """Attributions of data that is known to be good.

    analysis: they are the constraints, as in the service. config: None where there was none.
    metadata: how they were made; None for those that the service made. explanation: the explained rows; None where they
    are not at hand, and then nothing can be said about chance. name: where it came from.
    notes: what a reader of a verdict against it should know.
    """

    analysis: Analysis
    config: AnalysisConfig | None = None
    metadata: ModelMetadata | None = None
    explanation: Explanation | None = None
    name: str = "baseline"
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: str | Path) -> "AttributionBaseline":
        """Read a baseline from its folder; the service's `analysis.json` alone will do, and so will its path.

        Raises: BaselineNotFound, MalformedBaseline, also where the file holds no explanations.
        """
        given = Path(folder)
        path = given if given.is_file() else given / ANALYSIS
        if not path.is_file():
            raise BaselineNotFound(str(folder), f"a folder with {ANALYSIS} (made with --monitor explainability)")
        analysis = parse_analysis(path.read_bytes(), str(path))
        if not analysis.labels:
            raise MalformedBaseline(str(path), "explanations.kernel_shap", "expected attributions, found none")
        places = {name: path.parent / name for name in (CONFIG, METADATA, ATTRIBUTIONS)}
        found = {name: place.read_bytes() for name, place in places.items() if place.is_file()}
        metadata = parse_metadata(found[METADATA], str(places[METADATA])) if METADATA in found else None
        units = metadata.units if metadata is not None else "output"
        learned = cls(
            analysis,
            parse_config(found[CONFIG], str(places[CONFIG])) if CONFIG in found else None,
            metadata,
            parse_attributions(found[ATTRIBUTIONS], str(places[ATTRIBUTIONS]), units)
            if ATTRIBUTIONS in found
            else None,
            str(given),
        )
        return learned if learned._of_one_run() else replace(learned, explanation=None, notes=(_OTHER_RUN,))

    def save(self, folder: str | Path) -> Path:
        """Write its files into a folder, made if need be; returns the folder."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        for name, text in self.files().items():
            if text is None:
                (root / name).unlink(missing_ok=True)  # of an earlier baseline, which they would be mixed with
            else:
                (root / name).write_text(text, encoding="utf-8")
        return root

    def files(self) -> dict[str, str | None]:
        """The texts of its files, by name; None for those it does not have."""
        config = write_config(self.config) if self.config is not None else None
        return {**execution_files(self.analysis, self.explanation, self.metadata), CONFIG: config}

    @property
    def features(self) -> tuple[str, ...]:
        """The explained features, in the order in which the model takes them, as far as that is known."""
        return self.metadata.features if self.metadata is not None else self.analysis.labels[0].features

    @property
    def column_names(self) -> tuple[str, ...]:
        """The features: the names of data that comes without any."""
        return self.features

    @property
    def attribution(self) -> GlobalAttribution:
        """What to compare with."""
        if self.metadata is not None:
            aggregation = self.metadata.aggregation
        else:
            aggregation = self.config.aggregation if self.config is not None else "mean_abs"
        return replace(self.analysis.attribution(aggregation), explanation=self.explanation)

    def _of_one_run(self) -> bool:
        """Whether the explained rows give the attributions of the analysis; true without rows."""
        if self.explanation is None:
            return True
        if not self.explanation.rows:
            return False
        known = {label.label: label for label in summarise(self.explanation, self.attribution.aggregation).labels}
        return all(
            label.label in known
            and known[label.label].by_feature.keys() == label.by_feature.keys()
            and np.allclose([known[label.label].by_feature[name] for name in label.features], label.values, rtol=1e-6)
            for label in self.analysis.labels
        )


_OTHER_RUN = (
    f"{ATTRIBUTIONS} of the baseline does not give the attributions of its {ANALYSIS}, so it was left aside: keep both "
    f"of one run."
)


def execution_files(
    analysis: Analysis, explanation: Explanation | None, metadata: ModelMetadata | None
) -> dict[str, str | None]:
    """The files that record attributions, by name; None for what is not known."""
    return {
        ANALYSIS: write_analysis(analysis),
        ATTRIBUTIONS: "".join(write_attributions(explanation)) if explanation is not None else None,
        METADATA: write_metadata(metadata) if metadata is not None else None,
    }
