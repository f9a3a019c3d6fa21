"""`model_metadata.json`: how attributions were made, so that the next run makes them alike, or says what differs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from watchpost.attribution._fields import raw
from watchpost.attribution.explanation import Units
from watchpost.attribution.global_attribution import AGGREGATIONS, Aggregation
from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import Tree, UnknownField, decode, graft, pretty

_UNITS: tuple[Units, ...] = ("output", "log_odds")


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What was explained, and how.

    model: a reference people understand (a name, a file, a URL), None where there is none. explainer: a member of
    `watchpost.attribution.explainers`. num_samples: model rows per explained row, None where the model was not asked.
    background: the baseline rows, in the order of the features; () where none are used. explained_rows, model_rows:
    what was done.
    """

    explainer: str
    features: tuple[str, ...]
    labels: tuple[str, ...]
    aggregation: Aggregation = "mean_abs"
    units: Units = "output"
    model: str | None = None
    num_samples: int | None = None
    background: tuple[tuple[bool | int | float | str | None, ...], ...] = ()
    explained_rows: int = 0
    model_rows: int = 0
    unknown: tuple[UnknownField, ...] = ()


def write_metadata(metadata: ModelMetadata) -> str:
    """The file's text."""
    rows: list[Tree] = [list[Tree](row) for row in metadata.background]
    tree: dict[str, Tree] = {
        "version": "1.0",
        "model": metadata.model,
        "explainer": metadata.explainer,
        "features": list[Tree](metadata.features),
        "labels": list[Tree](metadata.labels),
        "aggregation": metadata.aggregation,
        "units": metadata.units,
        "num_samples": metadata.num_samples,
        "baseline": rows,
        "explained_rows": metadata.explained_rows,
        "model_rows": metadata.model_rows,
    }
    graft(tree, metadata.unknown)
    return pretty(tree)


def parse_metadata(text: str | bytes, path: str) -> ModelMetadata:
    """The file's content. Raises: MalformedBaseline naming the field that is not as it should be."""
    fields = decode(text, path)
    aggregation = fields.text("aggregation", AGGREGATIONS)
    units = fields.text("units", _UNITS)
    rows = raw(fields, "baseline") or []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise MalformedBaseline(path, "baseline", "expected a list of rows")
    cells = tuple(
        tuple(cell for cell in row if not isinstance(cell, list | dict)) for row in rows if isinstance(row, list)
    )
    found = ModelMetadata(
        explainer=fields.text("explainer"),
        features=fields.texts("features"),
        labels=fields.texts("labels"),
        aggregation=next(known for known in AGGREGATIONS if known == aggregation),
        units=next(known for known in _UNITS if known == units),
        model=fields.text("model") if fields.has("model") else None,
        num_samples=fields.count("num_samples") if fields.has("num_samples") else None,
        background=cells,
        explained_rows=fields.count("explained_rows"),
        model_rows=fields.count("model_rows"),
    )
    known = {"version", "model", "num_samples", "baseline"}
    return replace(found, unknown=tuple(field for field in fields.unknown() if field.place[0] not in known))


def differences(baseline: ModelMetadata, current: ModelMetadata) -> Iterator[str]:
    """What was done differently, one sentence each: attributions then differ even where model and data are the same."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("explainer", baseline.explainer, current.explainer),
        ("aggregation", baseline.aggregation, current.aggregation),
        ("units", baseline.units, current.units),
        ("num_samples", baseline.num_samples, current.num_samples),
    )
    for name, before, now in pairs:
        if before != now:
            yield f"The baseline was explained with {name} {before}, the current data with {now}."
    if baseline.background != current.background:
        yield "The baseline was explained against other baseline rows than the current data."
