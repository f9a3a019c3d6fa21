"""Trees, linear models and logged attributions: against the libraries themselves, closed forms and the law of sums."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.attribution.errors import UnfitRows, UnsupportedModel
from watchpost.attribution.explainers import EXPLAINERS, Task, choose
from watchpost.attribution.explainers.linear import LinearModel
from watchpost.attribution.model import on_matrix

RNG = np.random.default_rng(0)
X = np.random.default_rng(7).normal(size=(240, 4))
Y = X[:, 0] * X[:, 1] + X[:, 2]
NAMES = ["floor area", "age", "floor", "noise"]
ROWS = pl.DataFrame(X, schema=NAMES)
TWO, THREE = (Y > 0).astype(int), np.digitize(Y, [-0.5, 0.5])
finite = st.floats(-1e3, 1e3)


def explain(model, rows=ROWS, **more):
    return EXPLAINERS.load(choose(model)).explain(Task(model, rows, **more), RNG)


def assert_sums(found, margin):
    total = found.values.sum(axis=2) + np.array(found.expected)
    np.testing.assert_allclose(total, np.asarray(margin).reshape(len(total), -1), rtol=1e-4, atol=1e-4)


# --- trees ----------------------------------------------------------------------------------------------------------


def xgboost_model(kind, **more):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed: pip install xgboost-cpu")
    return getattr(xgboost, kind)(n_estimators=12, max_depth=3, **more)


def lightgbm_model(kind):
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install lightgbm")
    return getattr(lightgbm, kind)(n_estimators=12, verbose=-1)


def sklearn_model(module, kind, **more):
    pytest.importorskip("shap", reason="the explainer of scikit-learn's trees is not installed: pip install shap")
    return getattr(pytest.importorskip(f"sklearn.{module}", reason="scikit-learn is not installed"), kind)(**more)


MAKERS = {
    "xgboost regression": (lambda: xgboost_model("XGBRegressor"), Y, "output"),
    "xgboost two classes": (lambda: xgboost_model("XGBClassifier"), TWO, "log_odds"),
    "xgboost three classes": (lambda: xgboost_model("XGBClassifier"), THREE, "log_odds"),
    "lightgbm regression": (lambda: lightgbm_model("LGBMRegressor"), Y, "output"),
    "lightgbm two classes": (lambda: lightgbm_model("LGBMClassifier"), TWO, "log_odds"),
    "lightgbm three classes": (lambda: lightgbm_model("LGBMClassifier"), THREE, "log_odds"),
    "tree": (lambda: sklearn_model("tree", "DecisionTreeRegressor"), Y, "output"),
    "forest": (lambda: sklearn_model("ensemble", "RandomForestClassifier", n_estimators=9), TWO, "output"),
    "boosted": (lambda: sklearn_model("ensemble", "GradientBoostingClassifier", n_estimators=9), TWO, "log_odds"),
    "histogram": (lambda: sklearn_model("ensemble", "HistGradientBoostingRegressor", max_iter=9), Y, "output"),
}


def margin_of(model, units):
    """What the library itself predicts, in the units of the attributions."""
    library = type(model).__module__.partition(".")[0]
    if library == "xgboost":
        return model.predict(X, output_margin=True)
    if library == "lightgbm":
        return model.predict(X, raw_score=True)
    if units == "log_odds":
        return model.decision_function(X)
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
def test_contributions_of_trees_sum_to_the_models_own_margin(name):
    make, target, units = MAKERS[name]
    model = make().fit(X, target)
    found = explain(model)
    assert found.units == units
    assert found.features == tuple(NAMES)
    assert_sums(found, margin_of(model, units))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
def test_contributions_of_trees_are_those_of_shap(name):
    shap = pytest.importorskip("shap", reason="the oracle of tree attributions is not installed: pip install shap")
    make, target, _ = MAKERS[name]
    model = make().fit(X, target)
    oracle = np.asarray(shap.TreeExplainer(model).shap_values(X))
    by_label = oracle[:, None, :] if oracle.ndim == 2 else oracle.transpose(0, 2, 1)
    np.testing.assert_allclose(explain(model).values, by_label, atol=1e-5)


def test_columns_are_put_in_the_order_the_trees_were_trained_on():
    pandas = pytest.importorskip("pandas", reason="models learn names from pandas frames only")
    model = xgboost_model("XGBRegressor").fit(pandas.DataFrame(X, columns=NAMES), Y)
    found = explain(model, ROWS.select(reversed(NAMES)))
    assert found.features == tuple(NAMES)
    np.testing.assert_array_equal(found.values, explain(model).values)


def test_names_with_blanks_find_their_lightgbm_features():
    pandas = pytest.importorskip("pandas", reason="models learn names from pandas frames only")
    model = lightgbm_model("LGBMRegressor").fit(pandas.DataFrame(X, columns=NAMES), Y)
    assert explain(model, ROWS.select(reversed(NAMES))).features == tuple(NAMES)


def test_a_column_the_trees_were_trained_on_is_missed_by_name():
    pandas = pytest.importorskip("pandas", reason="models learn names from pandas frames only")
    model = xgboost_model("XGBRegressor").fit(pandas.DataFrame(X, columns=NAMES), Y)
    with pytest.raises(UnfitRows, match="trained with 'age'"):
        explain(model, ROWS.drop("age"))


def test_trees_without_names_take_as_many_columns_as_they_have_features():
    with pytest.raises(UnfitRows, match="takes 4 features, but the rows have 3"):
        explain(xgboost_model("XGBRegressor").fit(X, Y), ROWS.drop("age"))


def test_text_is_refused_by_its_columns_name():
    rows = ROWS.with_columns(age=pl.lit("old"))
    with pytest.raises(UnfitRows, match="column 'age' is String"):
        explain(xgboost_model("XGBRegressor").fit(X, Y), rows)


def test_trees_stopped_early_are_explained_as_they_predict():
    model = xgboost_model("XGBRegressor", early_stopping_rounds=2, learning_rate=1.0)
    model.set_params(n_estimators=60).fit(X[:120], Y[:120], eval_set=[(X[120:], Y[120:])], verbose=False)
    assert_sums(explain(model), model.predict(X, output_margin=True))


def test_a_missing_value_is_what_the_trees_learned_to_do_with_it():
    model = xgboost_model("XGBRegressor").fit(X, Y)
    gaps = X.copy()
    gaps[::2, 1] = np.nan
    rows = pl.DataFrame(gaps, schema=NAMES).with_columns(pl.col("age").fill_nan(None))
    assert_sums(explain(model, rows), model.predict(gaps, output_margin=True))


# --- linear models --------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), features=st.integers(1, 6), labels=st.integers(1, 3))
def test_the_closed_form_is_what_kernel_shap_finds_of_a_linear_model(seed, features, labels):
    rng = np.random.default_rng(seed)
    weights, offsets = rng.normal(size=(labels, features)), rng.normal(size=labels)
    names = [f"f{i}" for i in range(features)]
    rows, background = (pl.DataFrame(rng.normal(size=(n, features)), schema=names) for n in (3, 2))
    closed = explain(LinearModel(tuple(map(tuple, weights)), tuple(offsets)), rows, background=background)
    asked = explain(on_matrix(lambda x: x @ weights.T + offsets), rows, background=background)
    np.testing.assert_allclose(closed.values, asked.values, atol=1e-9)
    np.testing.assert_allclose(closed.expected, asked.expected, atol=1e-9)


@pytest.mark.parametrize(("kind", "target"), [("Ridge", Y), ("LogisticRegression", TWO), ("LogisticRegression", THREE)])
def test_linear_models_of_scikit_learn_sum_to_their_own_output(kind, target):
    module = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    model = getattr(module, kind)().fit(X, target)
    found = explain(model, background=ROWS)
    classifies = hasattr(model, "decision_function")
    assert_sums(found, model.decision_function(X) if classifies else model.predict(X))
    assert found.units == ("log_odds" if classifies else "output")


@pytest.mark.filterwarnings("ignore")
def test_linear_attributions_are_those_of_shap():
    shap = pytest.importorskip("shap", reason="the oracle of linear attributions is not installed: pip install shap")
    module = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    model = module.Ridge().fit(X, Y)
    oracle = shap.LinearExplainer(model, shap.maskers.Independent(X, max_samples=len(X))).shap_values(X)
    np.testing.assert_allclose(explain(model, background=ROWS).values[:, 0], oracle, atol=1e-9)


def test_a_gap_in_a_linear_models_rows_is_named():
    model = LinearModel(((1.0, 2.0),), (0.0,))
    rows = pl.DataFrame({"a": [1.0, 2.0], "b": [1.0, None]})
    with pytest.raises(UnfitRows, match="'b' is nan in row 2"):
        explain(model, rows, background=rows.head(1))


def test_a_linear_model_without_baseline_rows_is_refused():
    with pytest.raises(UnfitRows, match="none were given"):
        explain(LinearModel(((1.0,),), (0.0,)), pl.DataFrame({"a": [1.0]}))


# --- logged ---------------------------------------------------------------------------------------------------------


@given(values=st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
def test_logged_attributions_are_accepted_as_they_are(values):
    found = explain(None, pl.DataFrame(values, schema=["a", "b"], orient="row"))
    np.testing.assert_array_equal(found.values[:, 0], values)
    assert (found.features, found.labels, found.expected, found.model_rows) == (("a", "b"), ("label0",), (None,), 0)


def test_logged_attributions_of_several_labels_are_told_apart_by_their_columns():
    logged = pl.DataFrame({"no.a": [1.0], "no.b": [2.0], "yes.b": [4.0], "yes.a": [3.0], "yes.expected_value": [0.5]})
    found = explain(None, logged, labels=("no", "yes"))
    assert found.values.tolist() == [[[1.0, 2.0], [3.0, 4.0]]]
    assert found.expected == (None, 0.5)


def test_a_gap_in_logged_attributions_is_named():
    with pytest.raises(UnfitRows, match="'b' in row 2 is nan"):
        explain(None, pl.DataFrame({"a": [1.0, 1.0], "b": [1.0, None]}))


def test_logged_labels_with_different_features_are_refused():
    with pytest.raises(UnfitRows, match="different features: b"):
        explain(None, pl.DataFrame({"no.a": [1.0], "yes.a": [1.0], "yes.b": [1.0]}), labels=("no", "yes"))


@pytest.mark.parametrize("name", EXPLAINERS.names())
def test_every_explainer_says_what_it_is_and_refuses_what_it_cannot_open(name):
    member = EXPLAINERS.load(name)
    assert member.summary
    assert member.expected
    assert not member.accepts(3)
    with pytest.raises(UnsupportedModel, match=name):
        member.explain(Task(3, ROWS, ROWS), RNG)
