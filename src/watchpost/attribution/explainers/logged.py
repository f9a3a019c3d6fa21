"""Attributions that the model's owner logged: accepted as they are.

The task's rows hold them: one column per feature, or `label.feature` columns when labels are given. A column
`expected_value` (`label.expected_value`) is taken for the model's average output, by its mean.
"""

import numpy as np
import polars as pl

from watchpost.attribution.errors import UnfitRows, UnsupportedModel
from watchpost.attribution.explainers._explainer import Explainer, Task
from watchpost.attribution.explanation import Explanation, Matrix
from watchpost.attribution.rows import numbers

EXPECTED = "expected_value"


def explain(task: Task, rng: np.random.Generator) -> Explanation:  # noqa: ARG001  nothing is left to chance
    """The logged values, unchanged. Raises: UnfitRows for text, gaps, or labels with different features."""
    if not accepts(task.model):
        raise UnsupportedModel("logged", task.model, plugin.expected)
    frames = [_of_label(task.rows, label) for label in task.labels] if task.labels else [task.rows]
    features = tuple(name for name in frames[0].columns if name != EXPECTED)
    if not features:
        raise UnfitRows("there is no column of attributions", "Give one column per feature")
    values = np.stack([_attributions(frame, features) for frame in frames], axis=1)
    expected = tuple(_expected(frame) for frame in frames)
    return Explanation(features, task.labels or ("label0",), values, expected)


def accepts(model: object) -> bool:
    """True for None: the attributions are there already."""
    return model is None


def _of_label(rows: pl.DataFrame, label: str) -> pl.DataFrame:
    own = {name: name.removeprefix(f"{label}.") for name in rows.columns if name.startswith(f"{label}.")}
    if not own:
        raise UnfitRows(f"no column begins with {label + '.'!r}", "Name columns `label.feature`, or give no labels")
    return rows.select(list(own)).rename(own)


def _attributions(frame: pl.DataFrame, features: tuple[str, ...]) -> Matrix:
    if set(frame.columns) - {EXPECTED} != set(features):
        uneven = ", ".join(sorted(set(frame.columns) ^ set(features) - {EXPECTED}))
        raise UnfitRows(f"the labels have different features: {uneven}", "Log every feature for every label")
    values = numbers(frame.select(features))
    gaps = np.argwhere(~np.isfinite(values))
    if len(gaps):
        row, column = map(int, gaps[0])
        why = f"the attribution of {features[column]!r} in row {row + 1} is {values[row, column]}"
        raise UnfitRows(why, "Leave out rows whose attributions are incomplete")
    return values


def _expected(frame: pl.DataFrame) -> float | None:
    if EXPECTED not in frame.columns or not frame.height:
        return None
    mean = float(numbers(frame.select(EXPECTED)).mean())
    return mean if np.isfinite(mean) else None


plugin = Explainer(
    summary="attributions as logged by the user",
    expected="no model (None), the rows being attributions",
    exact=True,
    needs_background=False,
    accepts=accepts,
    explain=explain,
)
