"""Linear models in closed form: weight times (value - average value over the baseline rows).

For a linear classifier that is its log-odds. It is the Shapley value with features taken as independent; for a linear
function it is the same whether the baseline rows are averaged before or after the model.
Source: Lundberg & Lee 2017, corollary 1.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from watchpost.attribution.errors import UnfitRows, UnsupportedModel
from watchpost.attribution.explainers._explainer import Explainer, Task
from watchpost.attribution.explanation import Explanation, Matrix, label_names
from watchpost.attribution.rows import in_order, numbers


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A linear model as numbers, for those who have nothing but its coefficients.

    features: names in the order of the weights; none takes the rows' columns in their order. weights: one row per
    label. intercepts: one per label. log_odds: the outputs are log-odds (logistic regression).
    """

    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    features: tuple[str, ...] = ()
    log_odds: bool = False


@runtime_checkable
class _Fitted(Protocol):
    """What scikit-learn's linear models, and those made like them, look like."""

    coef_: ArrayLike
    intercept_: ArrayLike


@runtime_checkable
class _Classifier(Protocol):
    classes_: ArrayLike


@runtime_checkable
class _Named(Protocol):
    feature_names_in_: ArrayLike


def explain(task: Task, rng: np.random.Generator) -> Explanation:  # noqa: ARG001  nothing is left to chance
    """Exact attributions. Raises: UnsupportedModel, UnfitRows (also for a missing background or missing values)."""
    model = _opened(task.model)
    if task.background is None or not task.background.height:
        raise UnfitRows("a linear model is explained against baseline rows, and none were given", "Give a background")
    rows = in_order(task.rows, model.features or None)
    values, background = numbers(rows), numbers(task.background.select(rows.columns))
    if len(model.weights[0]) != rows.width:
        why = f"the model has {len(model.weights[0])} weights, but the rows have {rows.width} columns"
        raise UnfitRows(why, "Give the columns the model was trained on")
    _refuse_gaps(values, rows.columns, "row")
    _refuse_gaps(background, rows.columns, "baseline row")
    weights, average = np.array(model.weights), background.mean(axis=0)
    expected = weights @ average + np.array(model.intercepts)
    return Explanation(
        tuple(rows.columns),
        label_names(task.labels, len(weights)),
        (values - average)[:, None, :] * weights[None, :, :],
        tuple(expected.tolist()),
        units="log_odds" if model.log_odds else "output",
    )


def accepts(model: object) -> bool:
    """True for a LinearModel and for a fitted scikit-learn linear model."""
    return isinstance(model, LinearModel | _Fitted)


def _opened(model: object) -> LinearModel:
    if isinstance(model, LinearModel):
        return model
    if not isinstance(model, _Fitted):
        raise UnsupportedModel("linear", model, plugin.expected)
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    if weights.ndim != 2:
        raise UnsupportedModel("linear", model, "coefficients in one row per output (a linear kernel's, say)")
    intercepts = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64).ravel(), (len(weights),))
    names = tuple(map(str, np.asarray(model.feature_names_in_))) if isinstance(model, _Named) else ()
    rows = tuple(tuple(row) for row in weights.tolist())
    return LinearModel(rows, tuple(intercepts.tolist()), names, log_odds=isinstance(model, _Classifier))


def _refuse_gaps(values: Matrix, columns: list[str], kind: str) -> None:
    gaps = np.argwhere(~np.isfinite(values))
    if len(gaps):
        row, column = map(int, gaps[0])
        why = f"{columns[column]!r} is {values[row, column]} in {kind} {row + 1}, where a linear model has no output"
        raise UnfitRows(why, "Fill missing values as the model's pipeline does, or leave such rows out")


plugin = Explainer(
    summary="closed form for linear models",
    expected="a LinearModel, or a fitted model with coef_ and intercept_",
    exact=True,
    needs_background=True,
    accepts=accepts,
    explain=explain,
)
