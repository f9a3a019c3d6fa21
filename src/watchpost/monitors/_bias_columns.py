"""From records to the columns that bias metrics read: facets and features, the truth, and the model's answer."""

from collections.abc import Iterator, Sequence

import polars as pl

from watchpost.bias import Above, BiasConfiguration, OneOf
from watchpost.bias.groups import Rule, membership
from watchpost.data.cells import typed_text_column
from watchpost.data.dataset import Dataset, Identified
from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.labels import TRUTH_PREFIX, Coverage, join_batches
from watchpost.data.ledger import last_labels
from watchpost.data.quarantine import Quarantine
from watchpost.data.weights import WEIGHT, Relative, relative
from watchpost.errors import InputError
from watchpost.monitors._bias_settings import Attributes
from watchpost.quality.attributes import find_columns

PREDICTED = "watchpost:predicted"
"""The column of the answer: true where it is the wanted outcome, null where there is none. No file has such a name."""

POSITIVE_PREDICTION = OneOf((1,))
_INPUT, _OUTPUT = "endpointInput_", "endpointOutput_"
_FACTS = (EVENT_ID, EVENT_ROW)


class BiasColumns:
    """A stream of batches under known names; afterwards it tells what it met.

    Args: names: of columns that come without any, in order. inputs: of the columns of a request, likewise.
    positive: what the wanted outcome is, where predictions are labels.
    """

    def __init__(
        self,
        configuration: BiasConfiguration,
        attributes: Attributes,
        *,
        names: Sequence[str],
        inputs: Sequence[str],
        positive: Rule,
    ) -> None:
        self._label, self._attributes, self._positive = configuration.label, attributes, positive
        self._names, self._inputs = tuple(names), tuple(inputs)
        self._as_read = _told_apart_by_text(configuration)
        self.columns: dict[str, None] = {}
        self.answers: set[str] = set()
        self.rows = 0
        self.coverage: Coverage | None = None

    def batches(self, dataset: Dataset, truth: Dataset | None, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """The rows, their label under the configuration's name and the answer as PREDICTED, where there are any.

        Rows of unequal weight also have it, as WEIGHT, relative to the first row's.
        Args: truth: labels that arrived later; rows without one are counted in `coverage` and left out.
        Raises: InputError where labels cannot be joined, or an attribute finds no column.
        """
        table = relative(dataset.by_event() if isinstance(dataset, Identified) else dataset)
        for batch in self._labelled(table, truth, quarantine):
            self.rows += batch.height
            weights = [batch[WEIGHT]] if WEIGHT in batch.columns and isinstance(table, Relative) else []
            named = self._under_known_names(batch.drop(column.name for column in weights))
            yield named.with_columns(weights) if weights else named

    def require(self, names: Sequence[str]) -> None:
        """Raises: InputError when one of the columns that counting needs was in no batch."""
        if not self.rows:
            return
        for name in names:
            if name in self.columns:
                continue
            seen = ", ".join(map(repr, [c for c in self.columns if c != PREDICTED][:20]))
            if name == PREDICTED:
                raise InputError(
                    f"The baseline has predictions, but none was found among {seen}. Name the predicted label "
                    "(--inference-attribute) or the score (--probability-attribute)."
                )
            if name == self._label:
                raise InputError(
                    f"No label {name!r} was found among {seen}. Name its column (--ground-truth-attribute), or give "
                    "the labels that arrived later (--ground-truth)."
                )
            raise InputError(
                f"There is no column {name!r} among {seen}. Name the columns as analysis_config.json does."
            )

    def _labelled(self, table: Dataset, truth: Dataset | None, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        if truth is None:
            yield from table.batches(quarantine)
            return
        self.coverage = Coverage(0, 0)
        for met in join_batches(_with_ids(table, quarantine), last_labels(truth, quarantine)):
            self.coverage = self.coverage.plus(met.coverage)
            yield met.rows

    def _under_known_names(self, batch: pl.DataFrame) -> pl.DataFrame:
        frame = _renamed(batch, self._names, self._inputs)
        parts: dict[str, pl.Series] = {}
        truth = _truth(frame, self._label, self._attributes.truth)
        if truth is not None:
            parts[self._label] = frame[truth]
        answer = self._answer(frame)
        if answer is not None:
            parts[PREDICTED] = answer
        others = [n for n in frame.columns if n not in (truth, self._label, *_FACTS) and not n.startswith(TRUTH_PREFIX)]
        whole = frame.select(others).with_columns([column.alias(name) for name, column in parts.items()])
        # CSV cells may come as text: features have to be numbers, and a threshold needs some.
        whole = whole.with_columns(
            [typed_text_column(c) for c in whole if c.dtype == pl.String and c.name not in self._as_read]
        )
        self.columns.update(dict.fromkeys(name for name in whole.columns if not name.startswith(_OUTPUT)))
        return whole

    def _answer(self, frame: pl.DataFrame) -> pl.Series | None:
        asked = self._attributes
        outputs = [name for name in frame.columns if name.startswith(_OUTPUT)]
        self.answers.update(outputs)
        labels = self._found(frame, asked.inference, "inference_attribute", "--inference-attribute")
        scores = self._found(frame, asked.probability, "probability_attribute", "--probability-attribute")
        if asked.inference is None and asked.probability is None and len(outputs) == 1:
            scores = (outputs[0],)  # contract 7.1: an answer of one cell, of which nothing else is said, is a score
        self.answers.update((*labels, *scores))
        if len(labels) > 1:
            if len(scores) != len(labels):
                raise InputError(
                    f"inference_attribute {asked.inference!r} is a list of {len(labels)} labels. Name the list of as "
                    "many probabilities beside it (--probability-attribute), or one label."
                )
            return self._favoured(_likeliest(frame, labels, scores))
        if labels:
            return self._favoured(frame[labels[0]])
        if len(scores) > 1:
            raise InputError(
                f"probability_attribute {asked.probability!r} is a list of {len(scores)} scores. Name one of them, "
                f"e.g. {scores[-1]!r}, or the list of their labels beside it (--inference-attribute)."
            )
        return _holds(frame[scores[0]], Above(asked.threshold)) if scores else None

    def _favoured(self, labels: pl.Series) -> pl.Series:
        return _holds(labels, self._positive)

    def _found(self, frame: pl.DataFrame, attribute: str | None, role: str, option: str) -> tuple[str, ...]:
        if attribute is None:
            return ()
        found = find_columns(frame.columns, attribute)
        if not found and not self._attributes.optional_answer:
            seen = ", ".join(map(repr, frame.columns[:20]))
            raise InputError(f"{role} {attribute!r} finds no column among {seen}. Name one of them ({option}).")
        return found


def _told_apart_by_text(configuration: BiasConfiguration) -> frozenset[str]:
    """Columns whose cells are compared as they are written: of text values, or of whatever values there are."""
    given = [(configuration.label, configuration.positive), *((f.name, f.values) for f in configuration.facets)]
    text = [name for name, values in given if values is None or any(isinstance(value, str) for value in values)]
    return frozenset((*text, *(() if configuration.group_variable is None else (configuration.group_variable,))))


def completed(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with a column of no cells for every name that it lacks: an absent column means missing cells.

    Columns without a cell become text, for polars would take a rule about nothing for a single value.
    """
    bare = [name for name in names if frame.schema.get(name, pl.Null()) == pl.Null]
    return frame.with_columns([pl.lit(None, dtype=pl.String).alias(name) for name in bare])


def _with_ids(table: Dataset, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    for batch in table.batches(quarantine):
        if EVENT_ID not in batch.columns:
            raise InputError(
                f"Records of {table.name!r} carry no id, so labels that arrived later cannot be joined to them. Give "
                f"capture files, or name the column of inference ids {EVENT_ID!r}."
            )
        yield batch


def _renamed(frame: pl.DataFrame, names: Sequence[str], inputs: Sequence[str]) -> pl.DataFrame:
    """A request's cells without their prefix; what has none of the known names takes them by position."""
    asked = [name for name in frame.columns if name.startswith(_INPUT)]
    if not asked:
        strange = not set(names) & set(frame.columns) and len(names) == frame.width
        return frame.rename(dict(zip(frame.columns, names, strict=True))) if strange else frame
    bare = [name.removeprefix(_INPUT) for name in asked]
    if not set(inputs) & set(bare) and len(inputs) == len(asked):
        bare = list(inputs)
    return frame.rename(
        {old: new for old, new in zip(asked, bare, strict=True) if new not in frame.columns and new != PREDICTED}
    )


def _truth(frame: pl.DataFrame, label: str, attribute: str | None) -> str | None:
    if attribute is not None:
        found = find_columns(frame.columns, attribute, TRUTH_PREFIX)
        if len(found) == 1:
            return found[0]
        seen = ", ".join(map(repr, frame.columns[:20]))
        many = f"is a list of {len(found)}" if found else f"finds no column among {seen}"
        raise InputError(f"ground_truth_attribute {attribute!r} {many}. Name one column (--ground-truth-attribute).")
    joined = [name for name in frame.columns if name.startswith(TRUTH_PREFIX)]
    if TRUTH_PREFIX + label in joined:
        return TRUTH_PREFIX + label
    if len(joined) == 1:
        return joined[0]
    return label if label in frame.columns else None


def _holds(column: pl.Series, rule: Rule) -> pl.Series:
    return column.to_frame().select(membership(column.name, column.dtype, rule).alias(PREDICTED)).to_series()


def _likeliest(frame: pl.DataFrame, labels: Sequence[str], scores: Sequence[str]) -> pl.Series:
    """The label of the largest probability, null where there is none."""
    best = pl.concat_list([pl.col(name).cast(pl.Float64, strict=False) for name in scores]).list.arg_max()
    named = pl.concat_list([pl.col(name) for name in labels])
    return frame.select(named.list.get(best, null_on_oob=True).alias("likeliest")).to_series()
