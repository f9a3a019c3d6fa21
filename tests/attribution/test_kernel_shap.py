"""Kernel SHAP: the laws of Shapley values, the budget, and shap's own explainer as oracle."""

from contextlib import suppress
from itertools import permutations
from math import factorial

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from watchpost.attribution.errors import BudgetTooSmall, ModelFault, UnfitRows, UnsupportedModel
from watchpost.attribution.explainers import EXPLAINERS, Task, choose
from watchpost.attribution.model import on_matrix

KERNEL = EXPLAINERS.load("kernel_shap")
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def table(values):
    return pl.DataFrame(np.asarray(values, dtype=float), schema=[f"f{i}" for i in range(np.shape(values)[1])])


class Counting:
    """A model of two outputs with interactions, which remembers how many rows it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, x):
        self.calls.append(len(x))
        return np.column_stack([np.sin(x).sum(axis=1) + x[:, 0] * x[:, -1], np.prod(1 + 0.1 * x, axis=1)])


@st.composite
def games(draw, most_features=6):
    rng = np.random.default_rng(draw(seeds))
    features, rows, baseline = draw(st.integers(1, most_features)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    background, explained = rng.normal(size=(baseline, features)), rng.normal(size=(rows, features))
    same = rng.random(explained.shape) < draw(st.sampled_from([0.0, 0.3]))
    return np.where(same, background[0], explained), background, rng


@quick
@given(game=games(most_features=9), extra=st.integers(0, 400))
def test_attributions_sum_to_the_output_less_the_baselines_average(game, extra):
    rows, background, rng = game
    model = Counting()
    least = 1 + len(background) * (1 + min(2 ** rows.shape[1] - 2, 2 * rows.shape[1]))
    found = KERNEL.explain(Task(on_matrix(model), table(rows), table(background), num_samples=least + extra), rng)
    expected = model(background).mean(axis=0)
    np.testing.assert_allclose(found.expected, expected, atol=1e-12)
    np.testing.assert_allclose(found.values.sum(axis=2), model(rows) - expected, atol=1e-9)


@quick
@given(game=games(most_features=9), samples=st.integers(0, 600), batch=st.integers(1, 200))
def test_the_model_is_never_asked_about_more_rows_than_the_budget_or_than_fit_a_call(game, samples, batch):
    rows, background, rng = game
    model = Counting()
    task = Task(on_matrix(model), table(rows), table(background), num_samples=samples, max_batch_rows=batch)
    with suppress(BudgetTooSmall):
        found = KERNEL.explain(task, rng)
    if not model.calls:  # refused before the first call
        return
    assert sum(model.calls) == found.model_rows <= samples * len(rows)
    assert max(model.calls) <= batch


@quick
@given(game=games())
def test_the_least_budget_it_names_is_enough(game):
    rows, background, rng = game
    task = Task(on_matrix(Counting()), table(rows), table(background), num_samples=0)
    with pytest.raises(BudgetTooSmall) as refused:
        KERNEL.explain(task, rng)
    enough = Task(task.model, task.rows, task.background, num_samples=refused.value.least)
    assert KERNEL.explain(enough, rng).rows == len(rows)


def by_definition(model, row, background):
    """Shapley's own formula: the mean gain of a feature over all orders in which features can arrive."""
    features = len(row)

    def worth(coalition):
        mixed = background.copy()
        mixed[:, list(coalition)] = row[list(coalition)]
        return model(mixed).mean(axis=0)

    gains = np.zeros((features, 2))
    for order in permutations(range(features)):
        for place, feature in enumerate(order):
            gains[feature] += worth(order[: place + 1]) - worth(order[:place])
    return gains.T / factorial(features)


@settings(max_examples=15, deadline=None)
@given(game=games(most_features=5))
def test_with_enough_budget_the_result_is_the_shapley_value_by_definition(game):
    rows, background, rng = game
    found = KERNEL.explain(Task(on_matrix(Counting()), table(rows), table(background)), rng)
    for row, values in zip(rows, found.values, strict=True):
        np.testing.assert_allclose(values, by_definition(Counting(), row, background), atol=1e-9)


@quick
@given(game=games(most_features=9), affordable=st.integers(20, 60))
def test_a_feature_equal_to_every_baseline_row_gets_nothing(game, affordable):
    rows, background, rng = game
    background[:, 0] = rows[:, 0] = 1.5
    samples = 1 + len(background) * (1 + affordable)
    found = KERNEL.explain(Task(on_matrix(Counting()), table(rows), table(background), num_samples=samples), rng)
    assert not found.values[:, :, 0].any()


@quick
@given(game=games())
def test_a_feature_the_model_ignores_gets_nothing(game):
    rows, background, rng = game
    assume(rows.shape[1] > 1)
    task = Task(on_matrix(lambda x: x[:, 1:].prod(axis=1)), table(rows), table(background))
    np.testing.assert_allclose(KERNEL.explain(task, rng).values[:, :, 0], 0, atol=1e-10)


@quick
@given(game=games())
def test_features_that_do_the_same_get_the_same(game):
    rows, background, rng = game
    assume(rows.shape[1] > 1)
    rows[:, 1], background[:, 1] = rows[:, 0], background[:, 0]
    task = Task(on_matrix(lambda x: np.exp(0.3 * (x[:, 0] + x[:, 1])) + x.sum(axis=1)), table(rows), table(background))
    found = KERNEL.explain(task, rng).values
    np.testing.assert_allclose(found[:, :, 0], found[:, :, 1], atol=1e-9)


@quick
@given(seed=seeds, samples=st.integers(60, 400))
def test_a_model_of_pairwise_interactions_is_exact_on_a_small_budget(seed, samples):
    """Paired coalitions cancel what pairs of features add, so sampling costs such a model nothing."""
    rng = np.random.default_rng(seed)
    weights, row, background = rng.normal(size=(12, 12)), rng.normal(size=(1, 12)), np.zeros((1, 12))
    task = Task(
        on_matrix(lambda x: ((x @ weights) * x).sum(axis=1)), table(row), table(background), num_samples=samples
    )
    exact = row[0] * ((weights + weights.T) / 2 @ row[0])
    np.testing.assert_allclose(KERNEL.explain(task, rng).values[0, 0], exact, atol=1e-8)


@quick
@given(seed=seeds)
def test_the_same_generator_gives_the_same_attributions(seed):
    data = np.random.default_rng(seed).normal(size=(4, 14))
    task = Task(on_matrix(Counting()), table(data[:3]), table(data[3:]), num_samples=100)
    first, second = (KERNEL.explain(task, np.random.default_rng(seed)).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


@quick
@given(seed=seeds, batch=st.integers(1, 300))
def test_the_size_of_the_calls_does_not_change_the_attributions(seed, batch):
    data = np.random.default_rng(seed).normal(size=(5, 12))
    small = Task(on_matrix(Counting()), table(data[:3]), table(data[3:]), num_samples=150, max_batch_rows=batch)
    large = Task(on_matrix(Counting()), table(data[:3]), table(data[3:]), num_samples=150)
    both = [KERNEL.explain(task, np.random.default_rng(seed)).values for task in (small, large)]
    np.testing.assert_allclose(*both, atol=1e-10)


def test_sampled_attributions_come_near_the_exact_ones():
    """15 features, 600 of 32,766 coalitions: shap's own sampling errs by 1 to 3 % of the mean attribution here."""
    rng = np.random.default_rng(3)
    data = rng.normal(size=(12, 15))
    model = on_matrix(lambda x: np.tanh(x.sum(axis=1) / 3) + np.prod(1 + 0.2 * x[:, :5], axis=1))
    few, all_of_them = (
        KERNEL.explain(Task(model, table(data[:10]), table(data[10:]), num_samples=n), rng).values
        for n in (1203, 2**15 * 2 + 1)
    )
    assert np.abs(few - all_of_them).mean() < 0.05 * np.abs(all_of_them).mean()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("logit", [False, True])
def test_exact_attributions_are_those_of_shap(logit):
    shap = pytest.importorskip("shap", reason="the oracle of Kernel SHAP is not installed: pip install shap")
    rng = np.random.default_rng(1)
    rows, background = rng.normal(size=(6, 7)), rng.normal(size=(4, 7))
    weights = rng.normal(size=7)

    def probability(x):
        return 1 / (1 + np.exp(-(x @ weights + x[:, 0] * x[:, 1])))

    oracle = shap.KernelExplainer(probability, background, link="logit" if logit else "identity")
    task = Task(on_matrix(probability), table(rows), table(background), use_logit=logit)
    found = KERNEL.explain(task, rng)
    np.testing.assert_allclose(found.values[:, 0], oracle.shap_values(rows, silent=True), atol=1e-8)
    assert found.expected[0] == pytest.approx(oracle.expected_value, abs=1e-12)
    assert found.units == ("log_odds" if logit else "output")


def test_text_whole_numbers_and_gaps_reach_the_model_as_they_are():
    seen = []

    def model(frame):
        seen.append(frame)
        return frame["town"].str.len_chars().fill_null(0).to_numpy() + 10.0 * frame["rooms"].to_numpy()

    rows = pl.DataFrame({"town": ["Bishan", None], "rooms": [3, 4]})
    background = pl.DataFrame({"town": ["Yishun N"], "rooms": [2]})
    found = KERNEL.explain(Task(model, rows, background, ("price",)), np.random.default_rng(0))
    np.testing.assert_allclose(found.values[:, 0], [[-2, 10], [-8, 20]])
    assert all(frame.schema == {"town": pl.String, "rooms": pl.Int64} for frame in seen)
    assert found.labels == ("price",)


@pytest.mark.parametrize("empty", [None, "", float("nan"), 0, False])
def test_a_value_equal_to_the_only_baseline_row_costs_no_call_whatever_it_is(empty):
    asked = []

    def model(frame):
        asked.append(frame.height)
        return np.zeros(frame.height)

    rows = pl.DataFrame({"a": [empty, empty], "b": [1, 2]}, strict=False)
    KERNEL.explain(Task(model, rows, rows.head(1)), np.random.default_rng(0))
    assert sum(asked) == 1 + len(rows)


def test_without_baseline_rows_it_says_so():
    with pytest.raises(UnfitRows, match="none were given"):
        KERNEL.explain(Task(on_matrix(Counting()), table([[1.0, 2.0]])), np.random.default_rng(0))


def test_a_baseline_without_a_column_is_refused_by_that_columns_name():
    task = Task(on_matrix(Counting()), pl.DataFrame({"a": [1.0], "b": [2.0]}), pl.DataFrame({"a": [0.0]}))
    with pytest.raises(UnfitRows, match="lack 'b'"):
        KERNEL.explain(task, np.random.default_rng(0))


def test_a_baseline_of_another_kind_is_refused():
    task = Task(on_matrix(Counting()), pl.DataFrame({"a": [1.0]}), pl.DataFrame({"a": [[0.0]]}))
    with pytest.raises(UnfitRows, match="another kind"):
        KERNEL.explain(task, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: np.zeros(len(x) + 1), "expected 1 rows"),
        (lambda x: np.full(len(x), np.nan), r"score of \{'f0'"),
        (lambda _: 3.0, "a single number"),
    ],
)
def test_an_answer_that_is_not_one_finite_score_per_row_is_named(answer, said):
    with pytest.raises(ModelFault, match=said):
        KERNEL.explain(Task(on_matrix(answer), table([[1.0, 2.0]]), table([[0.0, 0.0]])), np.random.default_rng(0))


def test_log_odds_of_what_is_no_probability_are_refused():
    task = Task(on_matrix(lambda x: x[:, 0]), table([[7.0]]), table([[0.0]]), use_logit=True)
    with pytest.raises(ModelFault, match=r"7\.0 is no probability"):
        KERNEL.explain(task, np.random.default_rng(0))


def test_label_headers_that_do_not_fit_the_outputs_are_refused():
    task = Task(on_matrix(Counting()), table([[7.0]]), table([[0.0]]), labels=("yes",))
    with pytest.raises(ModelFault, match="2 outputs, but 1 label"):
        KERNEL.explain(task, np.random.default_rng(0))


def test_a_function_is_explained_by_kernel_shap_and_a_number_by_nothing():
    assert choose(len) == "kernel_shap"
    with pytest.raises(UnsupportedModel, match=r"builtins\.int"):
        choose(3)
