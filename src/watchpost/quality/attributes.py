"""Which columns hold the answer, its probability and the truth: by name, by index, or by path, as the service has it.

An attribute finds its column in this order (contract 6.4):
1. a column of exactly that name;
2. `endpointOutput_<attribute>` (the truth: `groundTruthData_<attribute>`), made by a merge or a preprocessing script;
3. a path into nested data, named as by `watchpost.data.flatten`: `a.b`, `a[0].b`, `$.a.b`, `"odd name".b`;
4. a whole number: the column at that 0-based place, output before input, ids and truth not counted; for the truth, the
   place among the columns of truth, if there are any.

A name of a list (`a`, `a[]`, `a[*]`) stands for all its elements: the probabilities of a multiclass model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.payloads import ENVELOPES
from watchpost.data.weights import WEIGHT as CAPTURE_WEIGHT
from watchpost.errors import InputError
from watchpost.quality.metrics import ProblemType

LABEL, PREDICTION, PROBABILITY, WEIGHT = "label", "prediction", "probability", "weight"
OUTPUT_PREFIX, TRUTH_PREFIX = "endpointOutput_", "groundTruthData_"

_POSITIVE, _NEGATIVE = ("1", "true"), ("0", "false")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked, and where the columns are.

    inference: the predicted value or class. probability: the positive class's, or a list, one per class. ground_truth:
    the label; None takes the only `groundTruthData_` column there is. threshold: a binary prediction is positive where
    its probability is at least this; None takes the inference attribute's word if there is one, else 0.5.
    positive: the label that counts as positive; None is 1 (or true), and 0 (or false) is then the only other one.
    classes: names of the classes in the order of their probabilities. weight: a column of sample weights, for rows that
    were captured with unequal probability.
    """

    problem_type: ProblemType
    inference: str | None = None
    probability: str | None = None
    ground_truth: str | None = None
    threshold: float | None = None
    positive: str | None = None
    classes: tuple[str, ...] = ()
    weight: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Rows that can be judged, under the names `label`, `prediction`, `probability`, `weight`, as far as they exist.

    rows: Regression: all Float64. Binary: label and prediction Boolean, probability Float64. Multiclass: label and
    prediction String, and `probability[i]` for each class i. No cell is null. unusable: rows left out, as one of their
    cells is missing, no finite number where one is needed, or neither of the two classes.
    """

    rows: pl.DataFrame
    unusable: int = 0


def select_outcomes(frame: pl.DataFrame, attributes: Attributes) -> Outcomes:
    """The labels and answers in a frame. Raises: InputError when an attribute finds no column, or too many."""
    _require(attributes)
    match attributes.problem_type:
        case "Regression":
            columns = [
                _number(_column(frame, attributes.inference, "inference_attribute")).alias(PREDICTION),
                _number(_truth(frame, attributes)).alias(LABEL),
            ]
        case "BinaryClassification":
            columns = _binary_columns(frame, attributes)
        case "MulticlassClassification":
            columns = _multiclass_columns(frame, attributes)
    if attributes.weight is not None:
        weight = _number(_column(frame, attributes.weight, "weight"))
        columns.append(weight.set(weight < 0, None).alias(WEIGHT))
    rows = pl.DataFrame(columns, height=frame.height)
    if not any(column.null_count() for column in columns):
        return Outcomes(rows)
    usable = rows.drop_nulls()
    return Outcomes(usable, rows.height - usable.height)


def find_columns(names: Sequence[str], attribute: str, prefix: str = OUTPUT_PREFIX) -> tuple[str, ...]:
    """The columns an attribute stands for: one, or a list's elements in order; none if there are none.

    >>> find_columns(["_c0", "_c1"], "1"), find_columns(["p.scores[0]", "p.scores[1]"], "p.scores")
    (('_c1',), ('p.scores[0]', 'p.scores[1]'))
    >>> find_columns(["endpointOutput_score"], "predictions[0].score")
    ('endpointOutput_score',)
    """
    path = _plain_path(attribute)
    row = _path_in_row(attribute)
    for name in (attribute, prefix + attribute, path, prefix + path, row, prefix + row):
        if name in names:
            return (name,)
    for start in (path, prefix + path, row, prefix + row):
        elements = {
            int(found[1]): name for name in names if (found := re.fullmatch(re.escape(start) + r"\[([0-9]+)\]", name))
        }
        if elements:
            return tuple(elements[index] for index in sorted(elements))
    if re.fullmatch(r"[0-9]+", attribute):
        own = [n for n in names if n not in (EVENT_ID, EVENT_ROW, CAPTURE_WEIGHT)]
        truths = [n for n in own if n.startswith(TRUTH_PREFIX)]
        own = (truths or own) if prefix == TRUTH_PREFIX else [n for n in own if n not in truths]
        return tuple(own[int(attribute) : int(attribute) + 1])
    return ()


def class_names(column: pl.Series) -> pl.Series:
    """Cells as names of classes: numbers without an empty fraction (`1.0` is `1`), text without blanks around it.

    So a label stored as a float meets the prediction stored as an integer (the original then answered 0 for all).
    """
    if column.dtype == pl.Boolean:
        return column.cast(pl.String)
    if column.dtype == pl.String:
        trimmed = column.str.strip_chars()
        return trimmed.str.replace(r"^([-+]?[0-9]+)\.0*$", "$1").replace("", None)
    if column.dtype == pl.Float64:
        whole = column.is_finite() & (column == column.round())
        if (whole | column.is_null()).all():
            return column.cast(pl.Int128, strict=False).cast(pl.String)
        return column.cast(pl.String).str.replace(r"\.0$", "")
    return column.cast(pl.String)


def _binary_columns(frame: pl.DataFrame, attributes: Attributes) -> list[pl.Series]:
    columns = [_flags(_truth(frame, attributes), attributes.positive).alias(LABEL)]
    if attributes.probability is not None:
        columns.append(_number(_column(frame, attributes.probability, "probability_attribute")).alias(PROBABILITY))
    if attributes.inference is not None and (attributes.probability is None or attributes.threshold is None):
        prediction = _flags(_column(frame, attributes.inference, "inference_attribute"), attributes.positive)
        columns.append(prediction.alias(PREDICTION))
    return columns


def _multiclass_columns(frame: pl.DataFrame, attributes: Attributes) -> list[pl.Series]:
    columns = [class_names(_truth(frame, attributes)).alias(LABEL)]
    scores: list[pl.Series] = []
    if attributes.probability is not None:
        found = _columns(frame, attributes.probability, "probability_attribute", OUTPUT_PREFIX)
        if attributes.classes and len(found) != len(attributes.classes):
            raise InputError(
                f"probability_attribute {attributes.probability!r} has {len(found)} elements from {found[0]!r} on, "
                f"but there are {len(attributes.classes)} classes. Name the classes in the order of the elements."
            )
        scores = [_number(frame[name]).alias(f"{PROBABILITY}[{i}]") for i, name in enumerate(found)]
    if attributes.inference is not None:
        prediction = class_names(_column(frame, attributes.inference, "inference_attribute"))
    else:
        names = pl.Series(attributes.classes or [str(i) for i in range(len(scores))], dtype=pl.String)
        matrix = np.stack([s.fill_null(float("nan")).to_numpy() for s in scores], axis=1)
        best = pl.Series(matrix.argmax(axis=1).astype(np.uint32)) if len(matrix) else pl.Series([], dtype=pl.UInt32)
        prediction = names.gather(best)
    return [*columns, prediction.alias(PREDICTION), *scores]


def _require(attributes: Attributes) -> None:
    if attributes.inference is None and attributes.probability is None:
        raise InputError("Neither inference_attribute nor probability_attribute is given. Name the model's answer.")
    if attributes.inference is None and attributes.problem_type == "Regression":
        raise InputError("A regression has no probability_attribute. Name its answer by inference_attribute.")


def _truth(frame: pl.DataFrame, attributes: Attributes) -> pl.Series:
    if attributes.ground_truth is not None:
        return _column(frame, attributes.ground_truth, "ground_truth_attribute", TRUTH_PREFIX)
    candidates = [name for name in frame.columns if name.startswith(TRUTH_PREFIX)]
    if len(candidates) != 1:
        raise InputError(
            f"There are {len(candidates)} columns of ground truth ({', '.join(candidates[:5]) or 'none'}), and "
            "ground_truth_attribute does not say which. Name one."
        )
    return frame[candidates[0]]


def _column(frame: pl.DataFrame, attribute: str | None, role: str, prefix: str = OUTPUT_PREFIX) -> pl.Series:
    found = _columns(frame, attribute or "", role, prefix)
    if len(found) > 1:
        raise InputError(
            f"{role} {attribute!r} is a list of {len(found)} elements. Name one of them, e.g. {found[-1]!r}."
        )
    return frame[found[0]]


def _columns(frame: pl.DataFrame, attribute: str, role: str, prefix: str) -> tuple[str, ...]:
    found = find_columns(frame.columns, attribute, prefix)
    if not found:
        shown = ", ".join(frame.columns[:10]) + ("…" if frame.width > 10 else "")
        raise InputError(f"{role} {attribute!r} finds no column. There are {frame.width}: {shown}. Name one of them.")
    return found


def _plain_path(attribute: str) -> str:
    """A JMESPath or JSONPath expression in the notation of flat names."""
    path = attribute.removeprefix("$").removeprefix(".").removeprefix("@.")
    path = re.sub(r"\[(?:'([^']*)'|\"([^\"]*)\")\]", lambda m: f".{m[1] or m[2]}", path)
    path = re.sub(r'"([^"]*)"', r"\1", path).removeprefix(".")
    return re.sub(r"\[\*?\]$", "", path)


def _path_in_row(attribute: str) -> str:
    """The path inside one element of an envelope: readers make a row of each (`watchpost.data.payloads`).

    A bare array's element is named by its place alone.
    """
    found = re.fullmatch(rf"\$?\.?({'|'.join(ENVELOPES)})?\[(?:\*|([0-9]*))\](?:\.(.+))?", attribute)
    if found is None:
        return _plain_path(attribute)
    return _plain_path(found[3]) if found[3] else found[1] or found[2] or attribute


def _number(column: pl.Series) -> pl.Series:
    """Finite numbers, null for every other cell."""
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False) if column.dtype == pl.String else column
    if numbers.dtype != pl.Float64:
        numbers = numbers.cast(pl.Float64, strict=False)
    finite = numbers.is_finite()
    return numbers if finite.all() else numbers.set(~finite, None)


def _flags(column: pl.Series, positive: str | None) -> pl.Series:
    """True for the positive class, False for the other, null for anything else."""
    if column.dtype == pl.Boolean and positive is None:
        return column
    if column.dtype.is_numeric() and positive is None:
        flags = column == 1
        other = ~flags & (column != 0)
        return flags.set(other, None) if other.any() else flags
    names = class_names(column)
    if positive is not None:
        return names.eq(class_names(pl.Series([positive])).first())
    lower = names.str.to_lowercase()
    flags = lower.is_in(_POSITIVE)
    return flags.set(~flags & ~lower.is_in(_NEGATIVE), None)
