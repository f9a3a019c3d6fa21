"""The evaluation of an alarm: the published tables, the laws, and an independent reading of the prose."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.alarms.blindness import doubtful_when_blind
from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.evaluation import evaluate
from watchpost.alarms.evaluation_of_many import (
    OPERATOR_NAMES,
    STATES,
    TREATMENTS,
    Conditions,
    breaching,
    evaluate_many,
)
from watchpost.alarms.records import Query, State, Treatment

from .alarms_of import LATENCY, alarm

KEEP = "KEEP"

# Source: CloudWatch user guide, "Configuring how alarms treat missing data"; oldest datapoint first, five periods.
THREE_OF_THREE = [
    ("0-X-X", "OK", "OK", "OK", "OK"),
    ("0----", "OK", "OK", "OK", "OK"),
    ("-----", "INSUFFICIENT_DATA", KEEP, "ALARM", "OK"),
    ("0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", "ALARM", KEEP, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", "OK", "OK", "ALARM", "OK"),
    ("----0", "OK", "OK", "ALARM", "OK"),
    ("---X-", "ALARM", KEEP, "ALARM", "OK"),
]
# The prose below the tables, three of three, treatment `missing`.
PROSE = [("----X", "OK"), ("---X-", "OK"), ("---X0", "OK"), ("--X-0", "OK"), ("--X--", "ALARM")]

ROWS = [
    (marks, needed, treatment, states[column])
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for marks, *states in table
    for column, treatment in enumerate(TREATMENTS)
]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize(("marks", "needed", "treatment", "state"), ROWS)
def test_published_rows_come_out_as_published(
    marks: str, needed: int, treatment: Treatment, state: str, before: State
) -> None:
    assert evaluate(marks, 3, needed, treatment, before) == (before if state == KEEP else state)


@pytest.mark.parametrize(("marks", "state"), PROSE)
def test_published_prose_about_single_breaches_holds(marks: str, state: str) -> None:
    assert evaluate(marks, 3, 3, "missing", "OK") == state


# --- blind periods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("before", STATES)
def test_a_stop_of_the_server_alone_changes_no_state(treatment: Treatment, before: State) -> None:
    assert evaluate("?????", 3, 2, treatment, before) == before


def test_datapoints_decide_alone_although_the_server_was_stopped() -> None:
    assert evaluate("0?0?0", 3, 2, "missing", "ALARM") == "OK"
    assert evaluate("?X?X-", 3, 2, "notBreaching", "OK") == "ALARM"


def test_too_few_datapoints_beside_a_stop_keep_the_state() -> None:
    assert evaluate("?0---", 3, 2, "breaching", "OK") == "OK"
    assert evaluate("?----", 3, 2, "missing", "ALARM") == "ALARM"


# --- laws -------------------------------------------------------------------------------------------------------------


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int, int]:
    periods = draw(st.integers(1, 6))
    return periods, draw(st.integers(1, periods)), periods + draw(st.integers(0, 3))


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, int, int, Treatment, State]:
    periods, needed, looked_at = draw(shapes())
    marks = draw(st.text("0X-?", min_size=looked_at, max_size=looked_at))
    return marks, periods, needed, draw(st.sampled_from(TREATMENTS)), draw(st.sampled_from(STATES))


@given(situations())
def test_evaluating_again_at_the_same_instant_changes_nothing(
    situation: tuple[str, int, int, Treatment, State],
) -> None:
    marks, periods, needed, treatment, before = situation
    once = evaluate(marks, periods, needed, treatment, before)
    assert evaluate(marks, periods, needed, treatment, once) == once


@given(situations())
def test_treatments_play_no_part_once_there_are_enough_datapoints(
    situation: tuple[str, int, int, Treatment, State],
) -> None:
    marks, periods, needed, _, before = situation
    full = marks.replace("-", "0").replace("?", "X")
    assert len({evaluate(full, periods, needed, each, before) for each in TREATMENTS}) == 1


@given(situations())
def test_one_more_breach_never_ends_an_alarm(situation: tuple[str, int, int, Treatment, State]) -> None:
    marks, periods, needed, treatment, before = situation
    if evaluate(marks, periods, needed, treatment, before) == "ALARM":
        for place, mark in enumerate(marks):
            if mark == "0":
                worse = marks[:place] + "X" + marks[place + 1 :]
                assert evaluate(worse, periods, needed, treatment, before) == "ALARM"


@pytest.mark.parametrize(
    ("watched", "band", "doubtful"),
    [
        (Query("e", expression="m / n"), None, True),
        (Query("m", LATENCY), None, False),
        (Query("m", replace(LATENCY, stat="Sum")), None, True),
        (Query("m", LATENCY), "b", False),
        (Query("m", replace(LATENCY, stat="SampleCount")), "b", True),
        (Query("e", expression="m * 2"), "b", True),
    ],
)
def test_what_metric_math_makes_of_a_partly_blind_period_is_worth_nothing(
    watched: Query, band: str | None, doubtful: bool
) -> None:
    bands = () if band is None else (Query(band, expression="ANOMALY_DETECTION_BAND(m)"),)
    watcher = alarm(stat=None, queries=(watched, Query("n", LATENCY, return_data=False), *bands), band=band)
    assert doubtful_when_blind(watcher) == doubtful


@given(situations())
def test_a_stop_never_leads_to_insufficient_data(situation: tuple[str, int, int, Treatment, State]) -> None:
    marks, periods, needed, treatment, before = situation
    if "?" in marks and evaluate(marks, periods, needed, treatment, before) == "INSUFFICIENT_DATA":
        assert before == "INSUFFICIENT_DATA"


# --- many alarms at once ----------------------------------------------------------------------------------------------


def by_the_prose(
    ages: Sequence[tuple[int, bool | None]],
    blind: bool,
    periods: int,
    needed: int,
    treatment: Treatment,
    before: State,
) -> State:
    """The user guide's sentences, one after another. `ages`: (age, whether it breaches), newest has age 1."""
    datapoints = sorted((age, hit) for age, hit in ages if hit is not None)
    # "If the number of datapoints is enough, the most recent are used, and missing data is not treated at all."
    if len(datapoints) >= periods:
        newest = datapoints[:periods]
        return "ALARM" if len([1 for _, hit in newest if hit]) >= needed else "OK"
    breaches = [age for age, hit in datapoints if hit]
    if blind:
        return "ALARM" if len(breaches) >= needed else before
    # "If no datapoint exists in the whole evaluation range …"
    if not datapoints:
        outcome: dict[str, State] = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}
        return outcome.get(treatment, before)
    # "… as many missing ones are filled in by the setting as are needed to reach N."
    filled = [True] * (periods - len(datapoints)) if treatment == "breaching" else []
    if len(breaches) + len(filled) >= needed:
        return "ALARM"
    # "… if all newer ones breach or are missing, and the oldest breach is M periods old: alarm, or keep the state."
    nothing_good = all(hit for _, hit in datapoints)
    if nothing_good and treatment in {"missing", "ignore"} and max(breaches) >= needed:
        return "ALARM" if treatment == "missing" else before
    return "OK"


@settings(max_examples=10)  # of ten thousand alarms each: a hundred thousand in all
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_ten_thousand_random_alarms_at_once_equal_the_prose_one_by_one(seed: int, longest: int) -> None:
    rng, count = np.random.default_rng(seed), 10_000
    periods = rng.integers(1, longest + 1, count).astype(np.int32)
    needed = (1 + rng.integers(0, 2**31, count) % periods).astype(np.int32)
    looked_at = (periods + rng.integers(0, 4, count)).astype(np.int32)
    columns = int(looked_at.max()) + int(rng.integers(0, 3))
    # A small grid of values, so that many are equal to their threshold.
    values = rng.integers(-3, 4, (count, columns)).astype(np.float64)
    values[rng.random((count, columns)) < rng.random((count, 1))] = np.nan
    blind = rng.random((count, columns)) < 0.2 * rng.integers(0, 2, (count, 1))
    treatment = rng.integers(0, len(TREATMENTS), count).astype(np.int8)
    operator = rng.integers(0, len(OPERATOR_NAMES), count).astype(np.int8)
    threshold = rng.integers(-3, 4, count).astype(np.float64)
    before = rng.integers(0, len(STATES), count).astype(np.int8)
    conditions = Conditions(periods, needed, looked_at, treatment, operator, threshold)

    states = evaluate_many(conditions, values, before, blind)

    compare = {
        "GreaterThanThreshold": lambda value, limit: value > limit,
        "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
        "LessThanThreshold": lambda value, limit: value < limit,
        "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
    }
    plain, dark = values.tolist(), blind.tolist()
    for row in range(count):
        breaches = compare[OPERATOR_NAMES[operator[row]]]
        seen = range(1, looked_at[row] + 1)
        here = [(age, plain[row][-age]) for age in seen]
        ages = [(age, None if isnan(value) else breaches(value, threshold[row])) for age, value in here]
        unknown = any(isnan(value) and dark[row][-age] for age, value in here)
        expected = by_the_prose(
            ages, unknown, periods[row], needed[row], TREATMENTS[treatment[row]], STATES[before[row]]
        )
        assert STATES[states[row]] == expected, (row, ages, unknown, periods[row], needed[row])


@given(st.lists(situations(), min_size=1, max_size=20))
def test_many_at_once_equal_one_by_one(given_situations: list[tuple[str, int, int, Treatment, State]]) -> None:
    columns = max(len(marks) for marks, *_ in given_situations)
    number = {"0": 0.0, "X": 2.0}
    rows = [
        [np.nan] * (columns - len(marks)) + [number.get(mark, np.nan) for mark in marks]
        for marks, *_ in given_situations
    ]
    dark = [[False] * (columns - len(marks)) + [mark == "?" for mark in marks] for marks, *_ in given_situations]
    conditions = Conditions(
        periods=np.array([periods for _, periods, *_ in given_situations], np.int32),
        needed=np.array([needed for _, _, needed, *_ in given_situations], np.int32),
        looked_at=np.array([len(marks) for marks, *_ in given_situations], np.int32),
        treatment=np.array([TREATMENTS.index(treatment) for *_, treatment, _ in given_situations], np.int8),
        operator=np.zeros(len(given_situations), np.int8),
        threshold=np.ones(len(given_situations)),
    )
    before = np.array([STATES.index(state) for *_, state in given_situations], np.int8)
    states = evaluate_many(conditions, np.array(rows), before, np.array(dark))
    assert [STATES[state] for state in states] == [evaluate(*situation) for situation in given_situations]


numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-(2.0**360), max_value=2.0**360)


@given(st.sampled_from(OPERATOR_NAMES), numbers, numbers | st.just(float("nan")))
def test_comparing_many_equals_comparing_one(name: str, threshold: float, value: float) -> None:
    one = np.ones(1, np.int32)
    operator = np.array([OPERATOR_NAMES.index(name)], np.int8)
    conditions = Conditions(one, one, one, np.zeros(1, np.int8), operator, np.array([threshold]))
    alone = OPERATORS[name].breaches(np.array([value]), threshold, threshold)
    assert breaching(conditions, np.array([[value]]))[0, 0] == alone[0]
