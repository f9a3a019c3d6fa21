"""Action suppression: the worked rows of CloudWatch's user guide, and what always holds."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.alarms.suppression import (
    UNSUPPRESSED,
    Step,
    Suppression,
    composite_changed,
    suppressor_entered_alarm,
    suppressor_left_alarm,
    suppressor_replaced,
    time_passed,
)

from .alarms_of import INSTANTS, NOON

MINUTE = timedelta(minutes=1)
WAIT, EXTENSION = 2 * MINUTE, 3 * MINUTE

# (what happens at which minute, when actions run, what holds them back from when to when)
ROWS = [
    ({2: "composite"}, [4], {"WaitPeriod": (2, 4)}),
    ({2: "composite", 3: "suppressor ALARM"}, [], {"WaitPeriod": (2, 3), "Alarm": (3, 12)}),
    ({2: "composite", 3: "composite"}, [5], {"WaitPeriod": (2, 5)}),
    ({1: "suppressor ALARM", 2: "composite"}, [], {"Alarm": (1, 12)}),
    (
        {2: "composite", 3: "suppressor ALARM", 6: "suppressor OK"},
        [9],
        {"WaitPeriod": (2, 3), "Alarm": (3, 6), "ExtensionPeriod": (6, 9)},
    ),
    (
        {2: "composite", 3: "suppressor ALARM", 6: "suppressor OK", 7: "composite"},
        [9],
        {"Alarm": (3, 6), "ExtensionPeriod": (6, 7)},
    ),
]


def replay(happenings: dict[int, str]) -> tuple[list[int], dict[int, str | None]]:
    """The minutes at which actions run, and what holds them back after each minute up to the eleventh."""
    machine, in_alarm, acted, holders = UNSUPPRESSED, False, [], {}
    for minute in range(12):
        now = NOON + minute * MINUTE
        steps = [time_passed(machine, now)]
        machine = steps[0].after
        match happenings.get(minute):
            case "composite":
                steps.append(composite_changed(now, suppressor_in_alarm=in_alarm, wait=WAIT))
            case "suppressor ALARM":
                in_alarm = True
                steps.append(suppressor_entered_alarm(machine))
            case "suppressor OK":
                in_alarm = False
                steps.append(suppressor_left_alarm(machine, now, extension=EXTENSION))
        machine = steps[-1].after
        acted += [minute for step in steps if step.act]
        holders[minute] = machine.by
    return acted, holders


@pytest.mark.parametrize(("happenings", "acted", "held"), ROWS)
def test_worked_rows_come_out_as_published(
    happenings: dict[int, str], acted: list[int], held: dict[str, tuple[int, int]]
) -> None:
    minutes, holders = replay(happenings)
    assert minutes == acted
    for holder, (start, end) in held.items():
        assert all(holders[minute] == holder for minute in range(start, end))


def test_without_a_wait_actions_run_at_once() -> None:
    assert composite_changed(NOON, suppressor_in_alarm=False, wait=timedelta(0)) == Step(UNSUPPRESSED, act=True)


def test_an_end_of_suppression_without_a_change_tells_nothing() -> None:
    quiet = suppressor_entered_alarm(UNSUPPRESSED).after
    assert not suppressor_left_alarm(quiet, NOON, extension=timedelta(0)).act
    extended = suppressor_left_alarm(quiet, NOON, extension=EXTENSION).after
    assert time_passed(extended, NOON + EXTENSION) == Step(UNSUPPRESSED, act=False)


def test_another_suppressor_ends_the_period_and_loses_no_message() -> None:
    waiting = composite_changed(NOON, suppressor_in_alarm=False, wait=WAIT).after
    assert suppressor_replaced(waiting, suppressor_in_alarm=False) == Step(UNSUPPRESSED, act=True)
    assert suppressor_replaced(waiting, suppressor_in_alarm=True).after == Suppression("Alarm", None, held=True)


changes = st.sampled_from(["composite", "suppressor ALARM", "suppressor OK"])


@given(st.dictionaries(st.integers(0, 11), changes))
def test_actions_never_run_while_the_suppressor_is_in_alarm(happenings: dict[int, str]) -> None:
    acted, _ = replay(happenings)
    silent, in_alarm = set(), False
    for minute in range(12):
        in_alarm = {"suppressor ALARM": True, "suppressor OK": False}.get(happenings.get(minute, ""), in_alarm)
        silent |= {minute} if in_alarm and happenings.get(minute) != "suppressor ALARM" else set()
    assert not silent & set(acted)


@given(st.dictionaries(st.integers(0, 11), changes))
def test_actions_run_at_most_once_for_each_change(happenings: dict[int, str]) -> None:
    acted, _ = replay(happenings)
    assert len(acted) <= list(happenings.values()).count("composite")


@given(INSTANTS)
def test_time_alone_never_begins_a_suppression(instant: datetime) -> None:
    assert time_passed(UNSUPPRESSED, instant) == Step(UNSUPPRESSED, act=False)
