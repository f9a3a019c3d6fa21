"""data_type_check: enough cells are of the type the baseline learned."""

import re
from collections.abc import Mapping

import numpy as np

from watchpost.constraints.finding import NOT_RUN, PASSED, Column, Finding, percent, violated
from watchpost.profiles.classes import BOOLEAN, FRACTIONAL, INTEGRAL
from watchpost.profiles.gap import is_numeric
from watchpost.profiles.statistics import ClassCounts, FeatureStatistics, InferredType, Sketch

TYPE = "data_type_check"


def check_data_type(column: Column) -> Finding:
    """Share of the cells that can serve as the expected type, nulls aside.

    A whole number serves as Fractional. A column of whole numbers serves as Integral however they are written: one
    missing value turns it into 31.0, 45.0 and so on, in pandas and in whatever pandas writes. Anything serves as
    String: a text column of numbers is still text, and the original's insistence on the contrary flags every id that
    happens to hold digits only. But where somebody wrote String over another type of the baseline, numbers are not
    what was asked for.
    """
    expected, threshold = column.constraints.inferred_type, column.rules.datatype_check_threshold
    if expected == "Unknown" or not column.current.present:
        return NOT_RUN
    classes = column.current.classes or estimated_classes(column.current)
    if expected == "String":
        learned = column.baseline.inferred_type if column.baseline is not None else expected
        share = 1.0 if learned == expected or classes is None else _strict_share(classes, expected)
    elif classes is None:
        return _text_of_unknown_content(column)
    elif expected == "Integral":
        whole = classes.integral + (classes.fractional if _all_whole(column.current) else 0)
        share = whole / classes.total
    else:
        share = (classes.integral + classes.fractional + classes.non_finite) / classes.total
    return _judged(column, share) if share < threshold else PASSED


def check_data_type_strictly(column: Column) -> Finding:
    """The original's rule: only cells of exactly the expected class count, nulls aside.

    Statistics read from a file hold no class counts; then the share is estimated from the sketch, and a share of
    exactly 0 is not reported. In the recorded run we reproduce, a label that had turned from 0/1 into one constant
    score was not reported, while two columns two thirds whole were; in another run, judged from data, 0.0% was.
    """
    expected, threshold = column.constraints.inferred_type, column.rules.datatype_check_threshold
    current = column.current
    if expected == "Unknown" or not current.present:
        return NOT_RUN
    if current.classes is not None:
        share = _strict_share(current.classes, expected)
        return _judged(column, share) if share < threshold else PASSED
    if current.inferred_type == expected != "String":
        return PASSED  # every cell of an Integral column is; in a Fractional one a whole value was written as 3.0
    classes = estimated_classes(current)
    if classes is None:
        return Finding(
            ran=False, note=f"{column.name}: the statistics do not tell how much of this text is {expected}."
        )
    share = _strict_share(classes, expected)
    return _judged(column, share) if 0.0 < share < threshold else PASSED


def _whole_numbers(sketch: Sketch) -> int:
    """How many values are whole, as far as the sketch tells."""
    return sum(int(np.count_nonzero(items == np.floor(items))) << height for height, items in enumerate(sketch.levels))


def _all_whole(feature: FeatureStatistics) -> bool:
    """True when the sketch knows no value of the column that is not whole."""
    sketch = feature.numeric.sketch if feature.numeric is not None else None
    return sketch is not None and sketch.weight > 0 and _whole_numbers(sketch) == sketch.weight


def estimated_classes(feature: FeatureStatistics) -> ClassCounts | None:
    """Class counts of a feature of which only a file's statistics are known; None where they do not tell.

    Numbers are judged by the sketch's items (a whole one counts as Integral), text by its categories.
    """
    if feature.categories is not None:
        return _classes_of_text(feature.categories)
    if not is_numeric(feature):
        return None
    if feature.inferred_type == "Integral":
        return ClassCounts(integral=feature.present)
    if feature.numeric is None or feature.numeric.sketch is None or not feature.numeric.sketch.weight:
        return ClassCounts(fractional=feature.present)
    whole = _whole_numbers(feature.numeric.sketch)
    return ClassCounts(integral=whole, fractional=feature.numeric.sketch.weight - whole)


def _classes_of_text(categories: Mapping[str, int]) -> ClassCounts | None:
    counts = {"integral": 0, "fractional": 0, "boolean": 0, "string": 0}
    for text, count in categories.items():
        if re.fullmatch(INTEGRAL, text):
            counts["integral"] += count
        elif re.fullmatch(FRACTIONAL, text):
            counts["fractional"] += count
        elif re.fullmatch(BOOLEAN, text):
            counts["boolean"] += count
        else:
            counts["string"] += count
    classes = ClassCounts(**counts)
    return classes if classes.total else None


def _strict_share(classes: ClassCounts, expected: InferredType) -> float:
    match expected:
        case "Integral":
            count = classes.integral
        case "Fractional":
            count = classes.fractional
        case _:
            # Truth values are their own class, but a column of them is String in the files: it must fit itself.
            # NaN and infinities are text to the original.
            count = classes.string + classes.boolean + classes.non_finite
    return count / classes.total


def _judged(column: Column, share: float) -> Finding:
    expected = column.constraints.inferred_type
    return violated(
        column.name,
        TYPE,
        f"Data type match requirement is not met. Expected data type: {expected}, Expected match: "
        f"{percent(column.rules.datatype_check_threshold)}. Observed: Only {percent(share)} of data is {expected}.",
    )


def _text_of_unknown_content(column: Column) -> Finding:
    expected, threshold = column.constraints.inferred_type, column.rules.datatype_check_threshold
    if threshold < 1.0:
        return Finding(
            ran=False, note=f"{column.name}: the statistics do not tell how much of this text is {expected}."
        )
    return violated(
        column.name,
        TYPE,
        f"Data type match requirement is not met. Expected data type: {expected}, Expected match: "
        f"{percent(threshold)}. Observed: the data is {column.current.inferred_type}, not all of it {expected}.",
    )
