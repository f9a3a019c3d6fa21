"""`analysis_config.json` of an explainability monitor (contract 8.1): what to explain, and how.

Only what an explainer needs is read; the rest (the predictor's instances, say) is kept and written back.
"""

from dataclasses import dataclass, replace

import polars as pl

from watchpost.attribution._fields import raw
from watchpost.attribution.errors import UnfitRows
from watchpost.attribution.global_attribution import AGGREGATIONS, Aggregation
from watchpost.attribution.remote import CONTENT_TYPES, Wire
from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import Fields, Json, Tree, UnknownField, decode, graft, pretty

Cell = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """headers: column names, () where the file leaves them to the data. label: the column that is no feature.

    baseline: rows in the order of the features; () when there are none or they lie elsewhere, at `baseline_uri`.
    num_samples: None chooses by the number of features. aggregation, use_logit, save_local: the method's settings.
    content_type, accept_type, content_template, label_headers: the predictor's.
    """

    headers: tuple[str, ...] = ()
    label: str | None = None
    baseline: tuple[tuple[Cell, ...], ...] = ()
    baseline_uri: str | None = None
    num_samples: int | None = None
    aggregation: Aggregation = "mean_abs"
    use_logit: bool = False
    save_local: bool = False
    content_type: str | None = None
    accept_type: str | None = None
    content_template: str | None = None
    label_headers: tuple[str, ...] = ()
    version: str = "1.0"
    unknown: tuple[UnknownField, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The headers without the label."""
        return tuple(name for name in self.headers if name != self.label)

    def background(self, features: tuple[str, ...] | None = None) -> pl.DataFrame | None:
        """The baseline rows as a table, None when the file holds none.

        Args: features: their names, where the file has no headers. Raises: UnfitRows when a row is too long or short.
        """
        if not self.baseline:
            return None
        names = features or self.features
        for number, row in enumerate(self.baseline, 1):
            if len(row) != len(names):
                why = f"baseline row {number} has {len(row)} values for {len(names)} features"
                raise UnfitRows(why, "Give one value per feature, in their order and without the label")
        columns = zip(names, zip(*self.baseline, strict=True), strict=True)
        return pl.DataFrame({name: pl.Series(name, list(cells), strict=False) for name, cells in columns})

    def wire(self) -> Wire:
        """How the predictor wants its rows; CSV when nothing is said. Raises: UnfitRows for other content types."""
        given = self.content_type or "text/csv"
        known = next((kind for kind in CONTENT_TYPES if kind == given), None)
        if known is None:
            todo = f"Give one of {', '.join(CONTENT_TYPES)} as the predictor's content_type"
            raise UnfitRows(f"they cannot be written as {given!r}", todo)
        return Wire(known, content_template=self.content_template)


def parse_config(text: str | bytes, path: str) -> AnalysisConfig:
    """The configuration of a file. Raises: MalformedBaseline naming the field that is not as it should be."""
    fields = decode(text, path)
    methods = fields.child("methods")
    shap = methods.child("shap") if methods is not None else None
    predictor = fields.child("predictor")
    baseline = raw(shap, "baseline") if shap is not None else None
    found = AnalysisConfig(
        version=fields.text("version") if fields.has("version") else "1.0",
        headers=fields.texts("headers") if fields.has("headers") else (),
        label=_text(fields, "label"),
        baseline=_rows(baseline, path) if not isinstance(baseline, str) else (),
        baseline_uri=baseline if isinstance(baseline, str) else None,
        num_samples=shap.count("num_samples") if shap is not None and shap.has("num_samples") else None,
        aggregation=_aggregation(shap),
        use_logit=shap is not None and shap.has("use_logit") and shap.flag("use_logit"),
        save_local=shap is not None and shap.has("save_local_shap_values") and shap.flag("save_local_shap_values"),
        content_type=_text(predictor, "content_type"),
        accept_type=_text(predictor, "accept_type"),
        content_template=_text(predictor, "content_template"),
        label_headers=predictor.texts("label_headers")
        if predictor is not None and predictor.has("label_headers")
        else (),
    )
    return replace(found, unknown=fields.unknown())


def write_config(config: AnalysisConfig) -> str:
    """The file's text."""
    rows: list[Tree] = [list[Tree](row) for row in config.baseline]
    shap = _present(
        baseline=rows or config.baseline_uri,
        num_samples=config.num_samples,
        agg_method=config.aggregation,
        use_logit=config.use_logit,
        save_local_shap_values=config.save_local,
    )
    predictor = _present(
        content_type=config.content_type,
        accept_type=config.accept_type,
        content_template=config.content_template,
        label_headers=list[Tree](config.label_headers) or None,
    )
    tree = _present(
        version=config.version,
        headers=list[Tree](config.headers) or None,
        label=config.label,
        methods={"shap": shap},
        predictor=predictor or None,
    )
    graft(tree, config.unknown)
    return pretty(tree)


def _present(**fields: Tree) -> dict[str, Tree]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(fields: Fields | None, key: str) -> str | None:
    return fields.text(key) if fields is not None and fields.has(key) else None


def _aggregation(shap: Fields | None) -> Aggregation:
    if shap is None or not shap.has("agg_method"):
        return "mean_abs"
    given = shap.text("agg_method", AGGREGATIONS)
    return next(known for known in AGGREGATIONS if known == given)


def _rows(baseline: Json, path: str) -> tuple[tuple[Cell, ...], ...]:
    if baseline is None:
        return ()
    rows = []
    for index, row in enumerate(baseline if isinstance(baseline, list) else [baseline]):
        cells = [cell for cell in row if not isinstance(cell, list | dict)] if isinstance(row, list) else None
        if cells is None or not isinstance(row, list) or len(cells) != len(row):
            where = f"methods.shap.baseline[{index}]"
            raise MalformedBaseline(path, where, "expected a list of values, one per feature, or a URI for all rows")
        rows.append(tuple(cells))
    return tuple(rows)
