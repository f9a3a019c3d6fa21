"""`statistics.json`, `constraints.json` and `constraint_violations.json` of model quality (contract 6.5 to 6.7)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np

from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import Fields, Tree, UnknownField, decode, graft, pretty
from watchpost.quality.document import MetricConstraint, QualityConstraints, QualityStatistics
from watchpost.quality.figures import ConfusionMatrix, Curve, Figures, Floats, Metric
from watchpost.quality.metrics import METRICS, ProblemType
from watchpost.verdicts import Violation

_STEMS: Mapping[ProblemType, str] = {
    "Regression": "regression",
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
}
_MATRIX = "confusion_matrix"
_ROC = ("receiver_operating_characteristic_curve", "false_positive_rates", "true_positive_rates")
_PRECISION_RECALL = ("precision_recall_curve", "recalls", "precisions")
# Where the original's files have them: the matrix first, the curves before the areas under them.
_CURVES_BEFORE = "auc"


def parse_quality_statistics(text: str | bytes, path: str) -> QualityStatistics:
    """Read a `statistics.json` of model quality; metrics the file lacks are not among its figures.

    Raises: MalformedBaseline with the path of the field and what was expected there.
    """
    root = decode(text, path)
    problem_type = _problem_type(root, "metrics", path)
    dataset, block = root.child("dataset"), root.child(f"{_STEMS[problem_type]}_metrics")
    if dataset is None:
        raise root.refuse("dataset", 'an object such as {"item_count": 1000}')
    if block is None:
        raise root.refuse(f"{_STEMS[problem_type]}_metrics", "an object")
    rows = dataset.count("item_count")
    evaluation_time = _instant(dataset) if dataset.has("evaluation_time") else None
    metrics, null_deviations = _metrics(block, problem_type)
    matrix, roc, curve = _matrix(block), _curve(block, _ROC), _curve(block, _PRECISION_RECALL)
    figures = Figures(problem_type, rows, float(rows), metrics, matrix, roc, curve)
    version = root.number("version") if root.has("version") else 0.0
    return QualityStatistics(figures, evaluation_time, null_deviations, version, _unknown(root))


def write_quality_statistics(statistics: QualityStatistics, *, points: int | None = None) -> str:
    """The text of a `statistics.json`, in the original's layout, without the figures it has no place for.

    Args: points: at most that many points of each curve; None writes all, one per distinct score (contract 6.5).
    """
    figures = statistics.figures
    dataset: dict[str, Tree] = {"item_count": figures.rows}
    if statistics.evaluation_time is not None:
        moment = statistics.evaluation_time.astimezone(UTC)
        dataset["evaluation_time"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    tree: dict[str, Tree] = {
        "version": statistics.version,
        "dataset": dataset,
        f"{_STEMS[figures.problem_type]}_metrics": _figures_tree(figures, statistics.null_deviations, points),
    }
    graft(tree, statistics.unknown)
    return pretty(tree)


def parse_quality_constraints(text: str | bytes, path: str) -> QualityConstraints:
    """Read a `constraints.json` of model quality.

    Raises: MalformedBaseline with the path of the field and what was expected there.
    """
    root = decode(text, path)
    problem_type = _problem_type(root, "constraints", path)
    block = root.child(f"{_STEMS[problem_type]}_constraints")
    if block is None:
        raise root.refuse(f"{_STEMS[problem_type]}_constraints", "an object")
    constraints = []
    for metric in METRICS[problem_type]:
        fields = block.child(metric.name)
        if fields is None:
            continue
        threshold = fields.number("threshold") if fields.has("threshold") else None
        operator = fields.text("comparison_operator", allowed=("GreaterThanThreshold", "LessThanThreshold"))
        constraints.append(
            MetricConstraint(
                metric.name,
                None if threshold is None or np.isnan(threshold) else threshold,
                "GreaterThanThreshold" if operator == "GreaterThanThreshold" else "LessThanThreshold",
            )
        )
    version = root.number("version") if root.has("version") else 0.0
    return QualityConstraints(problem_type, tuple(constraints), version, _unknown(root))


def write_quality_constraints(constraints: QualityConstraints) -> str:
    """The text of a `constraints.json`, in the original's layout."""
    listed: dict[str, Tree] = {
        c.name: {"threshold": c.threshold, "comparison_operator": c.operator} for c in constraints.constraints
    }
    tree: dict[str, Tree] = {
        "version": constraints.version,
        f"{_STEMS[constraints.problem_type]}_constraints": listed,
    }
    graft(tree, constraints.unknown)
    return pretty(tree)


def write_quality_violations(violations: Iterable[Violation]) -> str:
    """The text of a `constraint_violations.json`: a violation's feature is written as `metric_name` (contract 6.7)."""
    listed: list[Tree] = [
        {
            "constraint_check_type": violation.constraint_check_type,
            "description": violation.description,
            "metric_name": violation.feature_name,
        }
        for violation in violations
    ]
    return pretty({"violations": listed})


def parse_quality_violations(text: str | bytes, path: str) -> tuple[Violation, ...]:
    """The violations of a file. Raises: MalformedBaseline naming the field that is not as it should be."""
    return tuple(
        Violation(*(entry.text(name) for name in ("metric_name", "constraint_check_type", "description")))
        for entry in decode(text, path).children("violations")
    )


def _problem_type(root: Fields, ending: str, path: str) -> ProblemType:
    found = [problem_type for problem_type, stem in _STEMS.items() if root.has(f"{stem}_{ending}")]
    if len(found) != 1:
        names = ", ".join(f"{stem}_{ending}" for stem in _STEMS.values())
        raise MalformedBaseline(path, "$", f"expected exactly one of {names}, found {len(found)}")
    return found[0]


def _instant(dataset: Fields) -> datetime:
    try:
        moment = datetime.fromisoformat(dataset.text("evaluation_time"))
    except ValueError as fault:
        raise dataset.refuse("evaluation_time", "an instant such as 2026-11-20T21:08:34.729Z") from fault
    if moment.tzinfo is None:
        raise dataset.refuse("evaluation_time", "an instant with its offset, such as 2026-11-20T21:08:34.729Z")
    return moment.astimezone(UTC)


def _metrics(block: Fields, problem_type: ProblemType) -> tuple[tuple[Metric, ...], frozenset[str]]:
    metrics, null = [], set()
    for metric in METRICS[problem_type]:
        fields = block.child(metric.name)
        if fields is None:
            continue
        value = fields.number("value") if fields.has("value") else np.nan
        if fields.has("standard_deviation"):
            deviation = fields.number("standard_deviation")
        else:
            deviation = np.nan
            null.add(metric.name)
        metrics.append(Metric(metric.name, _known(value), _known(deviation)))
    return tuple(metrics), frozenset(null)


def _unknown(root: Fields) -> tuple[UnknownField, ...]:
    """What nobody asked for, less what was read by other means: matrix and curves, and numbers that are null."""
    nested, nullable = {_MATRIX, _ROC[0], _PRECISION_RECALL[0]}, {"value", "standard_deviation", "threshold"}
    return tuple(
        field
        for field in root.unknown()
        if not (len(field.place) > 1 and field.place[1] in nested)
        and not (field.json == "null" and field.place[-1] in nullable)
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _matrix(block: Fields) -> ConfusionMatrix | None:
    """Rows and columns are named by the file, so they are not asked for but taken as found."""
    fields = block.child(_MATRIX)
    if fields is None:
        return None
    rows: dict[str, dict[str, float]] = {}
    for field in fields.unknown():
        name = str(field.place[-1])
        try:
            rows[name] = msgspec.json.decode(field.json, type=dict[str, float])
        except msgspec.DecodeError as fault:
            raise fields.refuse(name, "an object of counts by predicted class") from fault
    classes = tuple(dict.fromkeys((*rows, *(name for row in rows.values() for name in row))))
    counts = tuple(tuple(rows.get(actual, {}).get(name, 0.0) for name in classes) for actual in classes)
    return ConfusionMatrix(classes, counts)


def _curve(block: Fields, names: tuple[str, str, str]) -> Curve | None:
    fields = block.child(names[0])
    if fields is None:
        return None
    found = {str(field.place[-1]): field.json for field in fields.unknown()}
    axes: list[Floats] = []
    for axis in names[1:]:
        try:
            axes.append(np.array(msgspec.json.decode(found.get(axis, ""), type=list[float]), dtype=np.float64))
        except msgspec.DecodeError as fault:
            raise fields.refuse(axis, "a list of numbers") from fault
    if len(axes[0]) != len(axes[1]):
        raise fields.refuse(names[2], f"as many numbers as {names[1]} has, {len(axes[0])}")
    return Curve(axes[0], axes[1])


def _figures_tree(figures: Figures, null_deviations: frozenset[str], points: int | None) -> dict[str, Tree]:
    tree: dict[str, Tree] = {}
    if figures.confusion_matrix is not None:
        tree[_MATRIX] = _matrix_tree(figures.confusion_matrix)
    curves: dict[str, Tree] = {}
    for names, curve in ((_ROC, figures.roc), (_PRECISION_RECALL, figures.precision_recall)):
        if curve is not None:
            curves |= _curve_tree(names, curve if points is None else curve.thinned(points))
    values = {metric.name: metric for metric in figures.metrics}
    for metric in METRICS[figures.problem_type]:
        if metric.name == _CURVES_BEFORE:
            tree |= curves
        if metric.original and metric.name in values:
            found = values[metric.name]
            missing = None if metric.name in null_deviations else "NaN"
            deviation = missing if found.standard_deviation is None else found.standard_deviation
            tree[metric.name] = {"value": found.value, "standard_deviation": deviation}
    return tree


def _matrix_tree(matrix: ConfusionMatrix) -> dict[str, Tree]:
    """Counts as whole numbers; only weights have fractions."""
    return {
        actual: {name: int(n) if n == int(n) else n for name, n in zip(matrix.classes, row, strict=True)}
        for actual, row in zip(matrix.classes, matrix.counts, strict=True)
    }


def _curve_tree(names: tuple[str, str, str], curve: Curve) -> dict[str, Tree]:
    name, x, y = names
    # The original lists precisions before recalls, false before true positive rates.
    axes: dict[str, Tree] = {x: curve.x, y: curve.y} if names is _ROC else {y: curve.y, x: curve.x}
    return {name: axes}
