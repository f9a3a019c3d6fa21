"""`statistics.json`: the file format of statistics, as the original's containers write it (all generations of them)."""

import math
from typing import get_args

import numpy as np

from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import Fields, Tree, decode, graft, pretty
from watchpost.profiles.statistics import (
    Bucket,
    FeatureStatistics,
    InferredType,
    NumericStatistics,
    Sketch,
    Statistics,
)

_TYPES: tuple[InferredType, ...] = get_args(InferredType)
_MOMENTS = ("mean", "sum", "std_dev", "min", "max")


def parse_statistics(text: str | bytes, path: str) -> Statistics:
    """Read a `statistics.json`.

    Args: text: the file's content. path: its name, for errors.
    Returns: statistics without what the format has no place for (classes, cells, identifiers). Keys the file lacks
    stay None, unknown keys are kept. Sketch items that are no finite numbers are left out: a sketch describes a
    distribution on the number line.
    Raises: MalformedBaseline with the path of the field and what was expected there.
    """
    root = decode(text, path)
    dataset = root.child("dataset")
    if dataset is None:
        raise root.refuse("dataset", 'an object such as {"item_count": 1000}')
    item_count = dataset.count("item_count")
    features = tuple(_feature(fields, item_count) for fields in root.children("features", detached=True))
    seen: set[str] = set()
    for index, feature in enumerate(features):
        if feature.name in seen:
            raise MalformedBaseline(path, f"features[{index}].name", f"a second feature is named {feature.name!r}")
        seen.add(feature.name)
    version = root.number("version") if root.has("version") else 0.0
    return Statistics(item_count, features, version=version, unknown=root.unknown())


def write_statistics(statistics: Statistics) -> str:
    """The text of a `statistics.json`, in the original's layout.

    Features made from data are written in the newest form, with `completeness` and `approximate_num_distinct_values`;
    features read from a file are written with the keys that file had.
    """
    tree: dict[str, Tree] = {
        "version": statistics.version,
        "dataset": {"item_count": statistics.item_count},
        "features": [_feature_tree(feature) for feature in statistics.features],
    }
    graft(tree, statistics.unknown)
    return pretty(tree)


def _feature(fields: Fields, item_count: int) -> FeatureStatistics:
    name = fields.text("name")
    text_type = fields.text("inferred_type", allowed=_TYPES)
    inferred_type = next(t for t in _TYPES if t == text_type)
    numeric_first = inferred_type in ("Integral", "Fractional")
    keys = ("numerical_statistics", "string_statistics") if numeric_first else ("string_statistics",)
    # A second block, of the other kind, is nothing the original writes; it stays among the unknown fields.
    key = next((k for k in keys if fields.has(k)), None)
    block = fields.child(key) if key is not None else None
    if block is None:
        if inferred_type != "Unknown":
            raise fields.refuse(keys[0], "an object, as inferred_type is " + inferred_type)
        return FeatureStatistics(name, inferred_type, 0, item_count, unknown=fields.unknown())
    common = block.child("common")
    if common is None:
        raise block.refuse("common", 'an object such as {"num_present": 1000, "num_missing": 0}')
    present, missing = common.count("num_present"), common.count("num_missing")
    distinct_key = "approximate_num_distinct_values" if key == "numerical_statistics" else "distinct_count"
    distinct = block.number(distinct_key, least=0) if block.has(distinct_key) else None
    completeness = block.number("completeness", least=0, most=1) if block.has("completeness") else None
    numeric = _numeric(block) if key == "numerical_statistics" else None
    categories = _categories(block) if key == "string_statistics" else None
    return FeatureStatistics(
        name, inferred_type, present, missing, distinct, completeness, numeric, categories, unknown=fields.unknown()
    )


def _numeric(block: Fields) -> NumericStatistics | None:
    if not any(block.has(moment) for moment in _MOMENTS):
        return None  # no finite number was there to summarise
    mean, total, std_dev, low, high = (block.number(moment) for moment in _MOMENTS)
    distribution = block.child("distribution")
    kll = distribution.child("kll") if distribution is not None else None
    if kll is None:
        return NumericStatistics(mean, total, std_dev, low, high)
    buckets = None
    if kll.has("buckets"):
        buckets = tuple(
            Bucket(b.number("lower_bound"), b.number("upper_bound"), b.number("count", least=0))
            for b in kll.children("buckets")
        )
    return NumericStatistics(mean, total, std_dev, low, high, buckets, _sketch(kll))


def _sketch(kll: Fields) -> Sketch | None:
    fields = kll.child("sketch")
    if fields is None:
        return None
    levels = tuple(items[np.isfinite(items)] for items in fields.numbers("data"))
    parameters = fields.child("parameters")
    if parameters is None:
        return Sketch(levels)
    return Sketch(levels, k=parameters.number("k", least=1), c=parameters.number("c", least=0, most=1))


def _categories(block: Fields) -> dict[str, int] | None:
    distribution = block.child("distribution")
    categorical = distribution.child("categorical") if distribution is not None else None
    if categorical is None or not categorical.has("buckets"):
        return None
    buckets = categorical.children("buckets")
    categories = {bucket.text("value"): bucket.count("count") for bucket in buckets}
    if len(categories) != len(buckets):
        raise categorical.refuse("buckets", "every value once")
    return categories


def _feature_tree(feature: FeatureStatistics) -> dict[str, Tree]:
    tree: dict[str, Tree] = {"name": feature.name, "inferred_type": feature.inferred_type}
    match feature.inferred_type:
        case "Integral" | "Fractional":
            tree["numerical_statistics"] = _numerical_tree(feature)
        case "String":
            tree["string_statistics"] = _string_tree(feature)
        case "Unknown":
            pass
    graft(tree, feature.unknown)
    return tree


def _common(feature: FeatureStatistics) -> dict[str, Tree]:
    return {"common": {"num_present": feature.present, "num_missing": feature.missing}}


def _completeness(feature: FeatureStatistics) -> dict[str, Tree]:
    # Class counts exist only on statistics made from data: those are written in the newer containers' form.
    if feature.completeness is not None:
        return {"completeness": feature.completeness}
    return {"completeness": feature.present_ratio} if feature.classes is not None else {}


def _numerical_tree(feature: FeatureStatistics) -> dict[str, Tree]:
    tree, numeric = _common(feature), feature.numeric
    if numeric is not None:
        tree |= dict(zip(_MOMENTS, _moments(numeric), strict=True))
    if feature.distinct is not None and math.isfinite(feature.distinct):
        tree["approximate_num_distinct_values"] = round(feature.distinct)
    tree |= _completeness(feature)
    if numeric is None:
        return tree
    kll: dict[str, Tree] = {}
    if numeric.buckets is not None:
        kll["buckets"] = [
            {"lower_bound": float(b.lower_bound), "upper_bound": float(b.upper_bound), "count": float(b.count)}
            for b in numeric.buckets
        ]
    if numeric.sketch is not None:
        sketch = numeric.sketch
        kll["sketch"] = {"parameters": {"c": float(sketch.c), "k": float(sketch.k)}, "data": list(sketch.levels)}
    if kll:
        tree["distribution"] = {"kll": kll}
    return tree


def _moments(numeric: NumericStatistics) -> tuple[float, ...]:
    moments = (numeric.mean, numeric.sum, numeric.std_dev, numeric.min, numeric.max)
    return tuple(float(moment) for moment in moments)


def _string_tree(feature: FeatureStatistics) -> dict[str, Tree]:
    tree = _common(feature)
    if feature.distinct is not None:
        tree["distinct_count"] = float(feature.distinct)
    tree |= _completeness(feature)
    if feature.categories is not None:
        buckets: list[Tree] = [{"value": value, "count": count} for value, count in feature.categories.items()]
        tree["distribution"] = {"categorical": {"buckets": buckets}}
    return tree
