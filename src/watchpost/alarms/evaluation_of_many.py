"""The evaluation of many alarms at once, over arrays of datapoints; the same states as `evaluation.evaluate`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.records import ALARM, INSUFFICIENT_DATA, OK, State, Treatment

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Counts = NDArray[np.int32]

STATES: tuple[State, ...] = (OK, ALARM, INSUFFICIENT_DATA)
TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
OPERATOR_NAMES = tuple(name for name, operator in OPERATORS.items() if not operator.band)

_OK, _ALARM = STATES.index(OK), STATES.index(ALARM)
_MISSING, _IGNORE, _BREACHING = (TREATMENTS.index(name) for name in TREATMENTS[:3])
# The state after a wholly empty range, by treatment; -1: as before.
_WHEN_EMPTY = np.array([STATES.index(INSUFFICIENT_DATA), -1, _ALARM, _OK], np.int8)
# Whether an operator of OPERATOR_NAMES compares from above, so that what is too small breaches.
BELOW: Flags = np.array([OPERATORS[name].below for name in OPERATOR_NAMES])
_EQUAL = np.array([OPERATORS[name].equal for name in OPERATOR_NAMES])


@dataclass(frozen=True, slots=True)
class Conditions:
    """What k alarms ask of their datapoints, as arrays of length k.

    `periods` N, `needed` M, `looked_at` E: older columns do not exist for that alarm. `treatment` indexes TREATMENTS,
    `operator` OPERATOR_NAMES. `threshold` (finite): (k,), or (k, columns) where it differs from period to period.
    """

    periods: Counts
    needed: Counts
    looked_at: Counts
    treatment: Codes
    operator: Codes
    threshold: Floats


def breaching(conditions: Conditions, values: Floats) -> Flags:
    """Which datapoints breach. `values`: (k, columns), NaN = no datapoint, which never breaches."""
    threshold = conditions.threshold if conditions.threshold.ndim == 2 else conditions.threshold[:, None]
    # One comparison serves all four operators: falling below is rising above with the sign turned.
    gap = (values - threshold) * np.where(BELOW, -1.0, 1.0)[conditions.operator][:, None]
    out: Flags = (gap > 0) | ((gap == 0) & _EQUAL[conditions.operator][:, None])
    return out


def evaluate_many(conditions: Conditions, values: Floats, before: Codes, blind: Flags | None = None) -> Codes:
    """The states of k alarms after looking at their datapoints.

    Args: values: (k, columns), oldest first, at least N columns for each alarm; NaN = no datapoint. before: indexes of
    STATES. blind: (k, columns), True where nothing could be reported; it counts only where there is no datapoint.
    Returns: indexes of STATES, (k,).
    """
    return evaluate_marked(conditions, ~np.isnan(values), breaching(conditions, values), before, blind)


def evaluate_marked(
    conditions: Conditions, real: Flags, hit: Flags, before: Codes, blind: Flags | None = None
) -> Codes:
    """As `evaluate_many`, from which periods have a datapoint (`real`) and which datapoints breach (`hit`)."""
    count, columns = real.shape
    # Column by column along contiguous memory: the columns are few, the alarms many.
    by_column = np.ascontiguousarray(real.T), np.ascontiguousarray(hit.T)
    seen, hits, hits_of_newest, age = (np.zeros(count, np.int32) for _ in range(4))
    unknown = np.zeros(count, np.bool_)
    for back in range(columns):
        column = columns - 1 - back
        exists = conditions.looked_at > back
        real_here = by_column[0][column] & exists
        hit_here = by_column[1][column] & real_here
        seen += real_here
        hits += hit_here
        hits_of_newest += hit_here & (seen <= conditions.periods)
        age[hit_here] = back + 1
        if blind is not None:
            unknown |= blind[:, column] & exists & ~real_here
    return _decide(conditions, _Tally(seen, hits, hits_of_newest, age, unknown), before)


@dataclass(frozen=True, slots=True)
class _Tally:
    seen: Counts
    hits: Counts
    hits_of_newest: Counts
    age: Counts
    unknown: Flags


def _decide(conditions: Conditions, tally: _Tally, before: Codes) -> Codes:
    enough = tally.seen >= conditions.periods
    states = np.where(tally.hits_of_newest >= conditions.needed, _ALARM, _OK).astype(np.int8)
    if enough.all():
        return states
    rest = np.flatnonzero(~enough)
    seen, hits, kept = tally.seen[rest], tally.hits[rest], before[rest]
    treatment, needed = conditions.treatment[rest], conditions.needed[rest]
    filled = np.where(treatment == _BREACHING, conditions.periods[rest] - seen, 0)
    premature = (treatment <= _IGNORE) & (hits == seen) & (tally.age[rest] >= needed)
    found = np.where(premature, np.where(treatment == _MISSING, _ALARM, kept), _OK)
    found = np.where(hits + filled >= needed, _ALARM, found)
    empty = _WHEN_EMPTY[treatment]
    found = np.where(seen == 0, np.where(empty < 0, kept, empty), found)
    states[rest] = np.where(tally.unknown[rest], np.where(hits >= needed, _ALARM, kept), found)
    return states
