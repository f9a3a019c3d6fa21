"""One alarm judged over its periods: state, reason and data."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from watchpost.alarms.blindness import calmed_when_blind, doubtful_when_blind, understated_when_blind
from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.evaluation import BLIND, BREACHING, MISSING, WITHIN, evaluate
from watchpost.alarms.reasons import reason, reason_data
from watchpost.alarms.records import Judgement, MetricAlarm, State

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Periods:
    """What an alarm looks at: its newest periods, oldest first, all arrays of one length.

    Args: at: the instant of the evaluation. starts: epoch seconds. values: NaN = no datapoint. lower, upper: the
    thresholds below and above which a value breaches; NaN where a band has none. blind: the server was not running for
    all or some of the period. samples: how many samples each datapoint stands for, if known.
    """

    at: datetime
    starts: NDArray[np.int64]
    values: Floats
    lower: Floats
    upper: Floats
    blind: NDArray[np.bool_]
    samples: Floats | None = None


def marks(alarm: MetricAlarm, periods: Periods) -> str:
    """The periods as `evaluation.evaluate` reads them."""
    operator = OPERATORS[alarm.operator]
    breaching = operator.breaches(periods.values, periods.lower, periods.upper)
    # A datapoint where the band has no limit yet cannot be judged, which is no reason to call it good.
    unlimited = (np.isnan(periods.lower) & operator.below) | (np.isnan(periods.upper) & operator.above)
    real = ~(np.isnan(periods.values) | unlimited)
    if doubtful_when_blind(alarm):
        real &= ~periods.blind
    elif alarm.stat is not None:
        if understated_when_blind(alarm.stat.stat, alarm.operator):
            real &= ~(breaching & periods.blind)
        if calmed_when_blind(alarm.stat.stat, alarm.operator):
            real &= breaching | ~periods.blind
    return "".join(
        (BREACHING if hit else WITHIN) if there else (BLIND if blind else MISSING)
        for there, hit, blind in zip(real.tolist(), breaching.tolist(), periods.blind.tolist(), strict=True)
    )


def judge(alarm: MetricAlarm, periods: Periods, before: State) -> Judgement:
    """The alarm's state after looking at its periods, with the sentence and the data that say why."""
    seen = marks(alarm, periods)
    state = evaluate(seen, alarm.evaluation_periods, alarm.needed, alarm.treatment or "missing", before)
    return Judgement(state, reason(alarm, periods, seen, before, state), reason_data(alarm, periods, seen))
