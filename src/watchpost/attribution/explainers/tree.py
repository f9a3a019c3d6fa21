"""Tree models by their own exact contributions.

XGBoost and LightGBM compute them themselves; for scikit-learn's trees the `shap` package does. All are path-dependent
TreeSHAP: a feature left out is averaged over the training rows that passed each node, so no baseline rows are needed
and none are used. Boosted classifiers are explained in log-odds, forests and single trees in probabilities.
Source: Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from watchpost.attribution.errors import MissingPackage, UnsupportedModel
from watchpost.attribution.explainers._explainer import Explainer, Task
from watchpost.attribution.explanation import Explanation, Matrix, Units, label_names
from watchpost.attribution.rows import in_order, numbers

_SKLEARN_BOOSTED = ("sklearn.ensemble._gb", "sklearn.ensemble._hist_gradient")
_SKLEARN_TREES = ("sklearn.tree", "sklearn.ensemble._forest", *_SKLEARN_BOOSTED)
_LOG_ODDS = ("logi", "binary", "softmax", "softprob", "multi")  # in the names of objectives of classifiers


@runtime_checkable
class _XGBoost(Protocol):
    """xgboost.Booster."""

    feature_names: Sequence[str] | None

    def predict(self, data: object, *, pred_contribs: bool, iteration_range: tuple[int, int]) -> ArrayLike: ...
    def num_features(self) -> int: ...
    def attr(self, key: str) -> str | None: ...
    def save_config(self) -> str: ...


@runtime_checkable
class _XGBoostEstimator(Protocol):
    """xgboost.XGBModel and its subclasses."""

    def get_booster(self) -> _XGBoost: ...


@runtime_checkable
class _LightGBM(Protocol):
    """lightgbm.Booster."""

    def predict(self, data: Matrix, *, pred_contrib: bool) -> ArrayLike: ...
    def feature_name(self) -> list[str]: ...
    def dump_model(self, *, num_iteration: int) -> dict[str, object]: ...


@runtime_checkable
class _LightGBMEstimator(Protocol):
    """lightgbm.LGBMModel and its subclasses."""

    booster_: _LightGBM


@runtime_checkable
class _TreeExplainer(Protocol):
    """shap.TreeExplainer."""

    expected_value: ArrayLike

    def shap_values(self, data: Matrix, *, check_additivity: bool) -> ArrayLike: ...


@runtime_checkable
class _Named(Protocol):
    feature_names_in_: ArrayLike


@runtime_checkable
class _Classifier(Protocol):
    classes_: ArrayLike


def explain(task: Task, rng: np.random.Generator) -> Explanation:  # noqa: ARG001  nothing is left to chance
    """The model's own contributions. Raises: UnsupportedModel, MissingPackage, UnfitRows."""
    match _library(task.model):
        case "xgboost":
            return _by_xgboost(task)
        case "lightgbm":
            return _by_lightgbm(task)
        case "sklearn":
            return _by_shap(task)
        case _:
            raise UnsupportedModel("tree", task.model, plugin.expected)


def accepts(model: object) -> bool:
    """True for models of XGBoost and LightGBM and for scikit-learn's trees, forests and boosted trees."""
    return _library(model) is not None


def _library(model: object) -> str | None:
    """The library whose class the model is an instance of, told by name so that none is imported."""
    for kind in type(model).__mro__:
        module = f"{kind.__module__}."
        if module.startswith(("xgboost.", "lightgbm.")) and not module.startswith("lightgbm.dask"):
            return module.partition(".")[0]
        if module.startswith(_SKLEARN_TREES):
            return "sklearn"
    return None


def _by_xgboost(task: Task) -> Explanation:
    model = task.model
    booster = model.get_booster() if isinstance(model, _XGBoostEstimator) else model
    if not isinstance(booster, _XGBoost):
        raise UnsupportedModel("tree", model, plugin.expected)
    names = tuple(booster.feature_names) if booster.feature_names else None
    rows = in_order(task.rows, names or tuple(map(str, range(booster.num_features()))), positional=names is None)
    data = _package("xgboost", "an XGBoost model").DMatrix(numbers(rows), feature_names=booster.feature_names)
    # The estimator predicts with the best iteration when training stopped early; the booster alone with all of them.
    best = booster.attr("best_iteration") if isinstance(model, _XGBoostEstimator) else None
    kept = (0, int(best) + 1 if best is not None else 0)
    values = np.asarray(booster.predict(data, pred_contribs=True, iteration_range=kept), dtype=np.float64)
    stacked = values[:, None, :] if values.ndim == 2 else values
    return _explanation(task, tuple(rows.columns), stacked, _log_odds(_objective(booster)))


def _by_lightgbm(task: Task) -> Explanation:
    model = task.model
    booster = model.booster_ if isinstance(model, _LightGBMEstimator) else model
    if not isinstance(booster, _LightGBM):
        raise UnsupportedModel("tree", model, plugin.expected)
    names = tuple(booster.feature_name())
    unnamed = names == tuple(f"Column_{index}" for index in range(len(names)))
    # LightGBM puts an underscore for every blank of a name.
    renamed = {column.replace(" ", "_"): column for column in task.rows.columns}
    rows = in_order(task.rows, tuple(renamed.get(name, name) for name in names), positional=unnamed)
    flat = np.asarray(booster.predict(numbers(rows), pred_contrib=True), dtype=np.float64)
    stacked = flat.reshape(rows.height, -1, rows.width + 1)
    objective = str(booster.dump_model(num_iteration=1).get("objective", ""))
    return _explanation(task, tuple(rows.columns), stacked, _log_odds(objective))


def _by_shap(task: Task) -> Explanation:
    model = task.model
    shap = _package("shap", "a scikit-learn tree model")
    invalid: type[Exception] = import_module("shap.utils._exceptions").InvalidModelError
    names = tuple(map(str, np.asarray(model.feature_names_in_))) if isinstance(model, _Named) else None
    rows = in_order(task.rows, names)
    try:
        explainer: _TreeExplainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        # shap's own check of the sums has a tolerance that large forests miss; the laws in our tests hold it instead.
        found = np.asarray(explainer.shap_values(numbers(rows), check_additivity=False), dtype=np.float64)
    except invalid as error:
        raise UnsupportedModel("tree", model, plugin.expected) from error
    by_label = found[:, None, :] if found.ndim == 2 else found.transpose(0, 2, 1)
    base = np.broadcast_to(np.asarray(explainer.expected_value, dtype=np.float64).ravel(), (by_label.shape[1],))
    column = np.broadcast_to(base[None, :, None], (*by_label.shape[:2], 1))
    boosted = any(kind.__module__.startswith(_SKLEARN_BOOSTED) for kind in type(model).__mro__)
    units: Units = "log_odds" if boosted and isinstance(model, _Classifier) else "output"
    return _explanation(task, tuple(rows.columns), np.concatenate([by_label, column], axis=2), units)


def _explanation(task: Task, features: tuple[str, ...], stacked: Matrix, units: Units) -> Explanation:
    """From contributions of shape (rows, labels, features + 1), the last of which is the expected value."""
    expected = tuple(stacked[0, :, -1].tolist()) if len(stacked) else (None,) * stacked.shape[1]
    return Explanation(features, label_names(task.labels, stacked.shape[1]), stacked[:, :, :-1], expected, units=units)


def _log_odds(objective: str) -> Units:
    return "log_odds" if any(word in objective for word in _LOG_ODDS) else "output"


def _objective(booster: _XGBoost) -> str:
    """What the booster was trained for, out of its configuration."""
    found = re.search(r'"objective":\s*"([^"]*)"|"objective":\s*\{[^{}]*"name":\s*"([^"]*)"', booster.save_config())
    return next(filter(None, found.groups()), "") if found else ""


def _package(name: str, needed_for: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackage(name, needed_for) from error


plugin = Explainer(
    summary="the model's own exact contributions (TreeSHAP)",
    expected="an XGBoost or LightGBM model, or a scikit-learn tree, forest or boosted tree",
    exact=True,
    needs_background=False,
    accepts=accepts,
    explain=explain,
)
