"""`analysis_config.json`: who is compared with whom, as its author wrote it (contract 7.1).

What the file leaves open, such as whether a number is a value or a threshold, is settled against data by
`watchpost.bias.groups`.
"""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from watchpost.data.names import positional_names
from watchpost.errors import MalformedBaseline

Scalar: TypeAlias = str | int | float | bool
"""A label's or a facet's value as JSON can hold it."""

_RECORDS_IN_JSON = ("application/jsonlines", "application/json")


@dataclass(frozen=True, slots=True)
class Facet:
    """A column whose values tell groups of people apart.

    values: the values of the group in question, or one number as a lower bound; None makes every value a group.
    """

    name: str
    values: tuple[Scalar, ...] | None = None


@dataclass(frozen=True, slots=True)
class BiasConfiguration:
    """The part of an analysis configuration that bias metrics depend on.

    label: the column of observed labels. positive: the values of the wanted outcome, or one number as a lower bound.
    group_variable: the column within whose values CDDL and CDDPL compare. headers: the columns in order, if given.
    predicted_label: the column of predictions, where the file names one. probability_threshold: scores above it count
    as a positive prediction, where the predictions are scores.
    """

    label: str
    positive: tuple[Scalar, ...]
    facets: tuple[Facet, ...]
    group_variable: str | None = None
    headers: tuple[str, ...] = ()
    predicted_label: str | None = None
    probability_threshold: float | None = None


class _Facet(msgspec.Struct):
    name_or_index: str | int
    value_or_threshold: list[str | int | float | bool] | None = None


class _Document(msgspec.Struct):
    label_values_or_threshold: list[str | int | float | bool]
    facet: list[_Facet]
    label: str | int | None = None
    headers: list[str] = []
    group_variable: str | int | None = None
    dataset_type: str = "text/csv"
    predicted_label: str | int | None = None
    probability_threshold: float | None = None


def parse_configuration(text: str | bytes, path: str) -> BiasConfiguration:
    """Read an `analysis_config.json`; fields of other analyses are passed over.

    A column may be given by name or by its zero-based place among the headers; without headers that is `_c0`, `_c1`, …
    In files whose records are JSON, `label` says where the label lies in a record, and its column is the last header.
    Raises: MalformedBaseline naming the field and what was expected there.
    """
    raw = text.encode() if isinstance(text, str) else text
    try:
        document = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=_Document)
    except msgspec.ValidationError as fault:
        why, _, where = str(fault).rstrip("`").partition(" - at `$.")
        raise MalformedBaseline(path, where or "$", why) from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise MalformedBaseline(path, "$", f"this is no JSON ({fault})") from fault
    if not document.label_values_or_threshold:
        expected = "expected the label's positive values, or one threshold, such as [1]"
        raise MalformedBaseline(path, "label_values_or_threshold", f"{expected}, found an empty list")
    if not document.facet:
        expected = 'expected at least one facet, such as [{"name_or_index": "Sex", "value_or_threshold": [0]}]'
        raise MalformedBaseline(path, "facet", f"{expected}, found an empty list")
    columns = _Columns(tuple(document.headers), path)
    group, predicted = document.group_variable, document.predicted_label
    return BiasConfiguration(
        label=_label(document, columns),
        positive=tuple(document.label_values_or_threshold),
        facets=tuple(_facet(facet, index, columns) for index, facet in enumerate(document.facet)),
        group_variable=None if group is None else columns.name(group, "group_variable"),
        headers=columns.headers,
        # The file may also name a place in a model's answer here, which is no column.
        predicted_label=predicted if isinstance(predicted, str) else None,
        probability_threshold=document.probability_threshold,
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    headers: tuple[str, ...]
    path: str

    def name(self, given: str | int, where: str) -> str:
        if isinstance(given, str):
            if self.headers and given not in self.headers:
                raise MalformedBaseline(self.path, where, f"expected one of the headers, found {given!r}")
            return given
        if given < 0 or (self.headers and given >= len(self.headers)):
            within = f"from 0 to {len(self.headers) - 1}" if self.headers else "of at least 0"
            raise MalformedBaseline(self.path, where, f"expected a column's name or place {within}, found {given}")
        return self.headers[given] if self.headers else positional_names(given + 1)[given]


def _label(document: _Document, columns: _Columns) -> str:
    given, in_json = document.label, document.dataset_type in _RECORDS_IN_JSON
    if isinstance(given, str) and given in columns.headers:
        return given
    if columns.headers and (given is None or (in_json and isinstance(given, str))):
        return columns.headers[-1]
    if given is None:
        raise MalformedBaseline(columns.path, "label", "expected the label's column, but there is no such field")
    return columns.name(given, "label")


def _facet(facet: _Facet, index: int, columns: _Columns) -> Facet:
    name = columns.name(facet.name_or_index, f"facet[{index}].name_or_index")
    # An empty list is what the service's own client writes for "every value".
    return Facet(name, tuple(facet.value_or_threshold) if facet.value_or_threshold else None)
