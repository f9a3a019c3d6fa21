"""`bias_counts.json`, ours: what a baseline's metrics rest on, so that their own sampling error can be told later.

Confusion cells of every group, how the configuration was settled against the data, and the outcomes of flip tests. The
cells add up over files of the same grouping. Where rows have weights, so have the cells: sums, and sums of squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchpost.bias import Above, BiasCounts, EachValue, FacetRule, Grouping, OneOf
from watchpost.bias.counts import FacetCounts
from watchpost.bias.flip_test import Flips
from watchpost.bias.groups import Rule
from watchpost.bias.table import FlipOutcome
from watchpost.errors import MalformedBaseline
from watchpost.monitors._bias_columns import POSITIVE_PREDICTION, PREDICTED

COUNTS = "bias_counts.json"
_VERSION = "1"


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Counts and flip tests. columns: of the data, in order. inputs: those that are neither label nor answer.

    features: numeric columns that the flip test measures distances by. text: columns that it would have needed, too.
    seed: of intervals, and of what was sampled.
    """

    counts: BiasCounts
    flips: Mapping[tuple[str, str], FlipOutcome]
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    features: tuple[str, ...]
    text: tuple[str, ...] = ()
    seed: int = 0


class _Rule(msgspec.Struct, omit_defaults=True):
    one_of: list[str | int | float | bool] | None = None
    above: float | None = None


class _Facet(msgspec.Struct, omit_defaults=True):
    columns: list[str]
    rules: list[_Rule]  # one without any field: every value
    values: list[str]
    groups: list[str]
    rows: list[list[list[list[int]]]]
    maximum: float | None = None
    weights: list[list[list[list[float]]]] | None = None
    squares: list[list[list[list[float]]]] | None = None


class _Flip(msgspec.Struct, omit_defaults=True):
    facet: str
    value: str
    favoured: float = 0.0
    disfavoured: float = 0.0
    agreed: float = 0.0
    neighbourhoods: float = 0.0
    sampled: bool = False
    error: str | None = None


class _Document(msgspec.Struct):
    version: str
    label: str
    positive_label: _Rule
    predicted: bool
    group_variable: str | None
    rows: int
    left_out: int
    label_maximum: float | None
    facets: list[_Facet]
    flip_tests: list[_Flip]
    columns: list[str]
    inputs: list[str]
    features: list[str]
    text_columns: list[str]
    seed: int
    weight: float | None = None
    squares: float | None = None


def write_counts(learned: Learned) -> str:
    """The file's text."""
    counts, who = learned.counts, learned.counts.grouping
    document = _Document(
        _VERSION,
        who.label,
        _written(who.positive_label),
        who.predicted is not None,
        who.group_variable,
        counts.rows,
        counts.left_out,
        counts.label_maximum,
        [_facet(facet) for facet in counts.facets],
        [_flip(key, outcome) for key, outcome in learned.flips.items()],
        list(learned.columns),
        list(learned.inputs),
        list(learned.features),
        list(learned.text),
        learned.seed,
        counts.weight if _weighted(counts) else None,
        counts.squares if _weighted(counts) else None,
    )
    return msgspec.json.encode(document).decode() + "\n"


def parse_counts(text: str | bytes, path: str) -> Learned:
    """Read the file. Raises: MalformedBaseline naming the field and what was expected there."""
    try:
        document = msgspec.json.decode(text, type=_Document)
    except msgspec.ValidationError as fault:
        why, _, where = str(fault).rstrip("`").partition(" - at `$.")
        raise MalformedBaseline(path, where or "$", why) from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise MalformedBaseline(path, "$", f"this is no JSON ({fault})") from fault
    if document.version != _VERSION:
        raise MalformedBaseline(path, "version", f"expected {_VERSION!r}, found {document.version!r}")
    facets = tuple(_read_facet(facet, index, path) for index, facet in enumerate(document.facets))
    positive = _read_rule(document.positive_label)
    if isinstance(positive, EachValue):
        raise MalformedBaseline(path, "positive_label", "expected 'one_of' or 'above'")
    who = Grouping(
        document.label,
        positive,
        tuple(facet.rule for facet in facets),
        PREDICTED if document.predicted else None,
        POSITIVE_PREDICTION,
        document.group_variable,
    )
    rows = float(document.rows)
    weight = rows if document.weight is None else document.weight
    squares = rows if document.squares is None else document.squares
    counts = BiasCounts(who, facets, document.rows, document.left_out, weight, squares, document.label_maximum)
    flips = {(flip.facet, flip.value): _read_flip(flip) for flip in document.flip_tests}
    return Learned(
        counts,
        flips,
        tuple(document.columns),
        tuple(document.inputs),
        tuple(document.features),
        tuple(document.text_columns),
        document.seed,
    )


def _facet(facet: FacetCounts) -> _Facet:
    rules = [_written(rule) for rule in facet.rule.rules]
    weighted = facet.squares is not None
    return _Facet(
        list(facet.rule.columns),
        rules,
        list(facet.values),
        list(facet.groups),
        facet.rows.tolist(),
        facet.maximum,
        facet.weights.tolist() if weighted else None,
        facet.squared.tolist() if weighted else None,
    )


def _weighted(counts: BiasCounts) -> bool:
    return any(facet.squares is not None for facet in counts.facets)


def _read_facet(facet: _Facet, index: int, path: str) -> FacetCounts:
    shape = (len(facet.values) + 1, len(facet.groups) + 1, 2, 2)
    try:
        rows = np.array(facet.rows, dtype=np.int64)
    except ValueError:  # lists of unequal lengths
        rows = np.zeros(0, dtype=np.int64)
    if rows.shape != shape or (rows < 0).any():
        raise MalformedBaseline(path, f"facets[{index}].rows", f"expected counts of at least 0, of the shape {shape}")
    rule = FacetRule(tuple(facet.columns), tuple(_read_rule(rule) for rule in facet.rules))
    values, groups = tuple(facet.values), tuple(facet.groups)
    if facet.weights is None or facet.squares is None:
        return FacetCounts(rule, values, groups, rows.astype(np.float64), rows, facet.maximum)
    weights, squares = (
        _sums(sums, shape, f"facets[{index}].{name}", path)
        for name, sums in (("weights", facet.weights), ("squares", facet.squares))
    )
    return FacetCounts(rule, values, groups, weights, rows, facet.maximum, squares)


def _sums(listed: list[list[list[list[float]]]], shape: tuple[int, ...], where: str, path: str) -> NDArray[np.float64]:
    try:
        sums = np.array(listed, dtype=np.float64)
    except ValueError:  # lists of unequal lengths
        sums = np.zeros(0)
    if sums.shape != shape or (sums < 0).any():
        raise MalformedBaseline(path, where, f"expected sums of at least 0, of the shape {shape}")
    return sums


def _written(rule: Rule | EachValue) -> _Rule:
    match rule:
        case OneOf(values):
            return _Rule(one_of=list(values))
        case Above(threshold):
            return _Rule(above=threshold)
        case EachValue():
            return _Rule()


def _read_rule(rule: _Rule) -> Rule | EachValue:
    if rule.one_of is not None:
        return OneOf(tuple(rule.one_of))
    return EachValue() if rule.above is None else Above(rule.above)


def _flip(key: tuple[str, str], outcome: FlipOutcome) -> _Flip:
    if isinstance(outcome, str):
        return _Flip(*key, error=outcome)
    o = outcome
    return _Flip(*key, o.favoured, o.disfavoured, o.agreed, o.neighbourhoods, o.sampled)


def _read_flip(flip: _Flip) -> FlipOutcome:
    if flip.error is not None:
        return flip.error
    return Flips(flip.favoured, flip.disfavoured, flip.agreed, flip.neighbourhoods, flip.sampled)
