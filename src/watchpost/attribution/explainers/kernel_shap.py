"""Kernel SHAP for anything that can be called: a function from rows to scores, or an endpoint reached by HTTP.

A feature that is left out takes the values of the baseline rows, and the outputs are averaged over them. A feature
whose value equals every baseline row's contributes nothing and costs nothing. Coalitions are chosen anew for every row,
so that what sampling misses averages out over rows instead of shifting all of them one way.

Source: Lundberg & Lee 2017, A Unified Approach to Interpreting Model Predictions, section 4.1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.attribution.coalitions import Coalitions, choose_coalitions, coalitions_needed, solve
from watchpost.attribution.errors import BudgetTooSmall, ModelFault, UnfitRows, UnsupportedModel
from watchpost.attribution.explainers._explainer import Explainer, Task
from watchpost.attribution.explanation import Explanation, Matrix, label_names
from watchpost.attribution.model import Model, scores

_GROUPED_CALLS = 10  # coalitions are asked for in groups of about so many calls, of which only the last is not full
_LEAST_ODDS = 1e-7  # single precision cannot tell probabilities apart that are closer to 0 or 1


def default_num_samples(features: int, background_rows: int) -> int:
    """Model rows per explained row when none are given: exact up to 11 features, then 2 a feature and 2048 coalitions.

    Source: shap's KernelExplainer, `nsamples="auto"`.
    """
    coalitions = 2 * features + 2048
    if features < 20:
        coalitions = min(coalitions, 2**features - 2)
    return 1 + background_rows + max(coalitions, 0) * background_rows


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What one row asks: its index, the features whose value differs from the baseline's, and their coalitions."""

    row: int
    features: NDArray[np.intp]
    chosen: Coalitions


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some coalitions of a plan; `last` when no others follow."""

    plan: _Plan
    masks: NDArray[np.bool_]
    last: bool


class _Game:
    """The rows of a task against its baseline: what coalitions are worth, and how many model rows that took."""

    def __init__(self, model: Model, task: Task, background: pl.DataFrame) -> None:
        self._model, self._task, self._size = model, task, background.height
        self._table = _stacked(task.rows, background)
        self.model_rows = 0

    def empty(self) -> Matrix:
        """Of the empty coalition, the baseline's average: (1, labels)."""
        return self._worth(self._table.head(self._size), self._size)

    def full(self) -> Matrix:
        """Of every row's full coalition: (rows, labels)."""
        return self._worth(self._table.slice(self._size), 1)

    def worth(self, pieces: list[_Piece]) -> Matrix:
        """Of all coalitions of the pieces, in order: (coalitions, labels)."""
        mixed = [self._mixed(piece.plan, piece.masks) for piece in pieces]
        return self._worth(pl.concat(mixed), self._size)

    def varying(self) -> NDArray[np.bool_]:
        """Where a row's value differs from any baseline row's: (rows, features)."""
        columns = []
        for column in self._table.get_columns():
            background, rows = column.head(self._size), column.slice(self._size)
            if background.n_unique() == 1:
                columns.append(rows.ne_missing(background[0]).to_numpy().astype(bool))
            else:  # whatever the value is, it is not all of them
                columns.append(np.ones(len(rows), dtype=bool))
        return np.column_stack(columns)

    def _mixed(self, plan: _Plan, masks: NDArray[np.bool_]) -> pl.DataFrame:
        """The row's values where the mask says so and the baseline's elsewhere, for each mask and each baseline row."""
        baseline = np.tile(np.arange(self._size), len(masks))
        position = {int(feature): at for at, feature in enumerate(plan.features)}
        columns = []
        for index, column in enumerate(self._table.get_columns()):
            place = baseline
            if index in position:
                kept = np.repeat(masks[:, position[index]], self._size)
                place = np.where(kept, self._size + plan.row, baseline)
            columns.append(column.gather(place))
        return pl.DataFrame(columns)

    def _worth(self, rows: pl.DataFrame, each: int) -> Matrix:
        self.model_rows += rows.height
        found = scores(self._model, rows, self._task.max_batch_rows)
        average: Matrix = found.reshape(rows.height // each, each, found.shape[1]).mean(axis=1)
        return _logit(average) if self._task.use_logit else average


def explain(task: Task, rng: np.random.Generator) -> Explanation:
    """Attributions that sum to the output less the baseline's, within the budget of the task.

    Raises: UnsupportedModel, UnfitRows, BudgetTooSmall (before any call), ModelFault, and what the model raises.
    """
    model = task.model
    if not callable(model):
        raise UnsupportedModel("kernel_shap", model, plugin.expected)
    if task.background is None or not task.background.height:
        raise UnfitRows("Kernel SHAP explains against baseline rows, and none were given", "Give a background")
    if not task.rows.height or not task.rows.width:
        raise UnfitRows("there are none", "Give at least one row with at least one feature")
    if task.max_batch_rows < 1:
        raise UnfitRows(f"max_batch_rows is {task.max_batch_rows}", "Give at least 1")
    game, size = _Game(model, task, task.background), task.background.height
    varying = game.varying()
    affordable = _affordable(task, varying, size)
    expected = game.empty()
    gains = game.full() - expected
    values = np.zeros((task.rows.height, expected.shape[1], task.rows.width))
    plans = (
        _Plan(row, chosen, choose_coalitions(len(chosen), affordable, rng))
        for row, chosen in enumerate(map(np.flatnonzero, varying))
        if len(chosen)
    )
    for plan, worth in _answers(game, plans, max(1, _GROUPED_CALLS * task.max_batch_rows // size)):
        values[plan.row][:, plan.features] = solve(plan.chosen, worth - expected, gains[plan.row]).T
    return Explanation(
        tuple(task.rows.columns),
        label_names(task.labels, expected.shape[1]),
        values,
        tuple(expected[0].tolist()),
        units="log_odds" if task.use_logit else "output",
        model_rows=game.model_rows,
    )


def _affordable(task: Task, varying: NDArray[np.bool_], background_rows: int) -> int:
    """How many coalitions a row may ask for. Raises: BudgetTooSmall, as the row with the most features would need."""
    samples = task.num_samples
    if samples is None:
        samples = default_num_samples(task.rows.width, background_rows)
    affordable = max(0, samples - 1 - background_rows) // background_rows
    most = int(varying.sum(axis=1).max())
    least = 1 + background_rows * (1 + coalitions_needed(most))
    if samples < least:
        raise BudgetTooSmall(samples, least, most, background_rows)
    return affordable


def _answers(game: _Game, plans: Iterable[_Plan], limit: int) -> Iterator[tuple[_Plan, Matrix]]:
    """Every plan with its coalitions' worth; about `limit` coalitions are asked for at a time, across plans."""
    waiting: list[_Piece] = []
    parts: list[Matrix] = []
    for piece in chain(_pieces(plans, limit), [None]):
        if piece is not None:
            waiting.append(piece)
        if not waiting or (piece is not None and sum(len(held.masks) for held in waiting) < limit):
            continue
        found, start = game.worth(waiting), 0
        for held in waiting:
            parts.append(found[start : start + len(held.masks)])
            start += len(held.masks)
            if held.last:
                yield held.plan, np.concatenate(parts)
                parts = []
        waiting = []


def _pieces(plans: Iterable[_Plan], limit: int) -> Iterator[_Piece]:
    for plan in plans:
        count = len(plan.chosen.masks)
        for start in range(0, max(count, 1), limit):
            yield _Piece(plan, plan.chosen.masks[start : start + limit], last=start + limit >= count)


def _stacked(rows: pl.DataFrame, background: pl.DataFrame) -> pl.DataFrame:
    """The baseline rows, then the rows to explain, in one type per column."""
    missing = [name for name in rows.columns if name not in background.columns]
    if missing:
        raise UnfitRows(f"the baseline rows lack {', '.join(map(repr, missing))}", "Give them the rows' columns")
    try:
        return pl.concat([background.select(rows.columns), rows], how="vertical_relaxed").rechunk()
    except pl.exceptions.PolarsError as error:
        why = f"a column is of another kind than in the baseline rows ({str(error).partition(chr(10))[0]})"
        raise UnfitRows(why, "Give baseline rows of the same kind") from error


def _logit(probability: Matrix) -> Matrix:
    if probability.min() < 0 or probability.max() > 1:
        outside = probability[(probability < 0) | (probability > 1)][0]
        raise ModelFault(f"{outside} is no probability, and use_logit needs one", "Turn use_logit off")
    inside = probability.clip(_LEAST_ODDS, 1 - _LEAST_ODDS)
    log_odds: Matrix = np.log(inside) - np.log1p(-inside)
    return log_odds


plugin = Explainer(
    summary="Kernel SHAP against baseline rows",
    expected="a function from rows to scores",
    exact=False,
    needs_background=True,
    accepts=callable,
    explain=explain,
)
