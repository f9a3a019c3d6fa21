"""The record every explainer is, the family of them, and what they are asked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from watchpost.attribution.errors import UnsupportedModel
from watchpost.attribution.explanation import Explanation
from watchpost.registry import Family


@dataclass(frozen=True, slots=True, eq=False)  # frames compare cell by cell
class Task:
    """What to explain.

    model: whatever the explainer accepts. rows: the rows to explain, their columns being the features and no others.
    background: the baseline rows that stand for "feature unknown", with the same columns; who needs them says so.
    labels: names of the model's outputs; none means label0, label1, …
    num_samples: the most model rows that may be spent on one explained row, its share of the baseline's own scores
        included, so all calls together never exceed num_samples times the explained rows; None chooses by the number of
        features. max_batch_rows: the most rows in one call. use_logit: explain log-odds of a probability.
    The last three are for explainers that ask the model; the others need no call.
    """

    model: object
    rows: pl.DataFrame
    background: pl.DataFrame | None = None
    labels: tuple[str, ...] = ()
    num_samples: int | None = None
    max_batch_rows: int = 1000
    use_logit: bool = False


@dataclass(frozen=True, slots=True)
class Explainer:
    """One way to attribute outputs to features.

    summary: how, as a phrase. expected: what models it opens, as a phrase. exact: its attributions are the definition's
    own values, whatever the budget. needs_background: a Task without background is refused.
    accepts: whether it can open that model; looks at the type only and imports nothing.
    explain: the attributions of every row. Deterministic given the generator's state. Raises: AttributionError.
    """

    summary: str
    expected: str
    exact: bool
    needs_background: bool
    accepts: Callable[[object], bool]
    explain: Callable[[Task, np.random.Generator], Explanation]


EXPLAINERS = Family("watchpost.attribution.explainers", Explainer)


def choose(model: object) -> str:
    """The name of the explainer for that model, an exact one before any other.

    Raises: UnsupportedModel when none accepts it.
    """
    members = {name: EXPLAINERS.load(name) for name in EXPLAINERS.names()}
    fit = [name for name, member in members.items() if member.accepts(model)]
    if not fit:
        raise UnsupportedModel("any", model, "; or ".join(member.expected for member in members.values()))
    return min(fit, key=lambda name: (not members[name].exact, name))
