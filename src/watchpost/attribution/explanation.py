"""Local attributions: what each feature of each explained row contributed to the model's output."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchpost.attribution.errors import ModelFault

Matrix: TypeAlias = NDArray[np.float64]
Units = Literal["output", "log_odds"]


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value to compare by
class Explanation:
    """Attributions of some rows, for every output (label) of the model.

    features, labels: names, in the order of the arrays' axes.
    values: finite, of shape (rows, labels, features), in `units`; per row and label they sum to the output less
        `expected`, except for logged attributions, which are taken as they are.
    expected: per label, the average output over the baseline rows, or over the training data the model remembers; None
        where nobody said.
    units: what the values are in: the model's own output, or log-odds of it.
    model_rows: rows that were sent to the model to learn this.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    values: Matrix
    expected: tuple[float | None, ...]
    units: Units = "output"
    model_rows: int = 0

    @property
    def rows(self) -> int:
        """How many rows were explained."""
        return int(self.values.shape[0])


def label_names(given: tuple[str, ...], outputs: int) -> tuple[str, ...]:
    """The given label headers, or `label0`, `label1`, … when none are given.

    Raises: ModelFault when there are not as many of them as the model has outputs.
    """
    if not given:
        return tuple(f"label{index}" for index in range(outputs))
    if len(given) != outputs:
        why = f"it has {outputs} outputs, but {len(given)} label headers were given: {', '.join(given)}"
        raise ModelFault(why, "Give one label header per output, or none")
    return given
