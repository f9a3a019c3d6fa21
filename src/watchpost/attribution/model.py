"""What a model is to an explainer: a function from rows to scores, called in batches of bounded size."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from watchpost.attribution.errors import ModelFault
from watchpost.attribution.explanation import Matrix

Model: TypeAlias = Callable[[pl.DataFrame], NDArray[np.float64]]
"""Rows with named, typed columns in; scores of shape (rows,) or (rows, labels) out."""

Predict: TypeAlias = Callable[[NDArray[np.float64] | NDArray[np.object_]], NDArray[np.float64]]
"""What scikit-learn calls `predict` or `predict_proba`: a matrix in, scores out."""


def on_matrix(predict: Predict) -> Model:
    """A model from a function that takes a matrix: numbers (null is NaN) if all columns are, else Python objects."""

    def model(rows: pl.DataFrame) -> NDArray[np.float64]:
        if all(dtype.is_numeric() or dtype in (pl.Boolean, pl.Null) for dtype in rows.dtypes):
            return predict(rows.cast(pl.Float64).fill_null(np.nan).to_numpy())
        return predict(np.array(rows.rows(), dtype=object))

    return model


def scores(model: Model, rows: pl.DataFrame, max_batch_rows: int) -> Matrix:
    """The model's outputs, of shape (rows, labels), asked for at most `max_batch_rows` rows at a time.

    Every row is sent exactly once. Raises: ModelFault when an answer is not one finite score per row and label; what
    the model itself raises.
    """
    answers = [_score(model, piece) for piece in rows.iter_slices(max_batch_rows)] if rows.height else []
    widths = {answer.shape[1] for answer in answers}
    if len(widths) > 1:
        raise ModelFault(f"it gave {' and '.join(map(str, sorted(widths)))} outputs per row in two calls")
    return np.concatenate(answers) if answers else np.empty((0, 1))


def _score(model: Model, rows: pl.DataFrame) -> Matrix:
    answer = np.asarray(model(rows), dtype=np.float64)
    if answer.ndim not in (1, 2) or answer.shape[0] != rows.height:
        shape = " × ".join(map(str, answer.shape)) or "a single number"
        raise ModelFault(f"expected {rows.height} rows of scores, found {shape}")
    answer = answer.reshape(rows.height, -1)
    bad = np.flatnonzero(~np.isfinite(answer).all(axis=1))
    if len(bad):
        raise ModelFault(f"the score of {rows.row(int(bad[0]), named=True)} is {answer[bad[0]].tolist()}")
    return answer
