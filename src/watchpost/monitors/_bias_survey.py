"""What a configuration leaves open, settled by one look at all of the baseline's data."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from watchpost.bias import BiasCounts, Grouping, grouping
from watchpost.errors import InputError
from watchpost.monitors._bias_columns import POSITIVE_PREDICTION, PREDICTED, BiasColumns
from watchpost.monitors._bias_settings import Asked

_SHOWN = 10


class Survey:
    """The different values of the columns that tell people apart, and which columns hold text."""

    def __init__(self, question: Asked) -> None:
        self._question = question
        configuration = question.configuration
        self.wanted = tuple(
            dict.fromkeys(
                (
                    configuration.label,
                    *(facet.name for facet in configuration.facets),
                    *(() if configuration.group_variable is None else (configuration.group_variable,)),
                )
            )
        )
        self._values: dict[str, pl.Series] = {}
        self._text: set[str] = set()

    def add(self, batch: pl.DataFrame) -> None:
        """Take in a batch."""
        for name in batch.columns:
            dtype = batch.schema[name]
            if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
                self._text.add(name)
            if name in self.wanted:
                # Numbers stay numbers across batches of whole and of fractional ones, and text makes text of them.
                before = self._values.get(name)
                both = [column.to_frame() for column in (before, batch[name].unique()) if column is not None]
                self._values[name] = pl.concat(both, how="vertical_relaxed").to_series().unique(maintain_order=True)

    def settled(self, *, predicted: bool) -> Grouping:
        """Who is counted where. Raises: InputError."""
        # Empty cells make the columns equally long: counting different values passes over them.
        longest = max(map(len, self._values.values()))
        values = pl.DataFrame([c.extend_constant(None, longest - len(c)) for c in self._values.values()])
        configuration = replace(self._question.configuration, predicted_label=None, probability_threshold=None)
        who = grouping(configuration, values, intersections=self._question.intersections)
        return replace(who, predicted=PREDICTED if predicted else None, positive_prediction=POSITIVE_PREDICTION)

    def features(self, columns: BiasColumns) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns that the flip test could go by: those of numbers, and those of text."""
        names = flip_features(columns, self._question.configuration.headers, self._question.configuration.label)
        text = tuple(name for name in names if name in self._text)
        return tuple(name for name in names if name not in self._text), text

    def refuse_emptiness(self, counts: BiasCounts) -> None:
        """Raises: InputError where a group, everyone else, or one of the two outcomes has no row to learn from."""
        cells = counts.facets[0].rows.sum(axis=(0, 1, 3))
        label = counts.grouping.label
        if not cells.all():
            kind = "positive" if not cells[1] else "negative"
            what = f"label_values_or_threshold {list(self._question.configuration.positive)}"
            raise InputError(
                f"Label {label!r} has no {kind} row by {what}: its values are {self._shown(label)}. Bias is a "
                "difference between two outcomes; correct the configuration, or give data with both."
            )
        given = {facet.name: facet.values for facet in self._question.configuration.facets}
        for facet in counts.facets:
            if len(facet.rule.columns) > 1:
                continue  # a common group may be empty although each facet has people
            name = facet.rule.columns[0]
            sizes = facet.rows.sum(axis=(1, 2, 3))
            if sizes[:-1].sum() == 0:
                why = f"no row is in the group {list(given[name] or ())}"
            elif len(facet.values) == 1 and sizes[-1] == 0:
                why = "every row is in the group, and nobody is left to compare it with"
            else:
                continue
            raise InputError(
                f"Facet {name!r}: {why}; its values are {self._shown(name)}. Correct value_or_threshold in "
                "analysis_config.json, or give data that has such rows."
            )

    def _shown(self, name: str) -> str:
        values = self._values[name].drop_nulls().sort()
        more = ", …" if len(values) > _SHOWN else ""
        return ", ".join(map(repr, values.head(_SHOWN).to_list())) + more


def flip_features(columns: BiasColumns, headers: Sequence[str], label: str) -> tuple[str, ...]:
    """The headers, or else all columns, without the label and what the model answered."""
    apart = {label, PREDICTED, *columns.answers}
    named = [name for name in headers if name in columns.columns] or columns.columns
    return tuple(name for name in named if name not in apart)
