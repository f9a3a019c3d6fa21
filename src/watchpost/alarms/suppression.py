"""How a composite alarm's actions are held back by another alarm: a machine over instants.

Source: CloudWatch's user guide on action suppression. While the suppressor is in ALARM, nothing is told. When the
composite changes while the suppressor is not in ALARM, it waits a little, since the suppressor may only be late. After
the suppressor left ALARM, it stays silent a little longer, and then speaks of the state it is in by then.

Each step gives the machine as it stands then, and whether the actions of the composite's current state run now.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Holder = Literal["Alarm", "WaitPeriod", "ExtensionPeriod"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """What holds actions back: `by` (None: nothing), until when (None: as long as the suppressor is in ALARM).

    `held`: a change of state has not been told yet.
    """

    by: Holder | None = None
    until: datetime | None = None
    held: bool = False


UNSUPPRESSED = Suppression()


class Step(NamedTuple):
    """The machine after something happened, and whether actions run now."""

    after: Suppression
    act: bool


def composite_changed(now: datetime, *, suppressor_in_alarm: bool, wait: timedelta) -> Step:
    """The composite entered another state. A running period is discarded: a change starts a waiting of its own."""
    if suppressor_in_alarm:
        return Step(Suppression("Alarm", None, held=True), act=False)
    if wait > timedelta(0):
        return Step(Suppression("WaitPeriod", now + wait, held=True), act=False)
    return Step(UNSUPPRESSED, act=True)


def suppressor_entered_alarm(before: Suppression) -> Step:
    """The suppressor entered ALARM: a waiting or an extension ends in silence."""
    return Step(Suppression("Alarm", None, held=before.held), act=False)


def suppressor_left_alarm(before: Suppression, now: datetime, *, extension: timedelta) -> Step:
    """The suppressor left ALARM: the extension begins, or what was held is told at once when there is none."""
    if extension > timedelta(0):
        return Step(Suppression("ExtensionPeriod", now + extension, held=before.held), act=False)
    return Step(UNSUPPRESSED, act=before.held)


def time_passed(before: Suppression, now: datetime) -> Step:
    """The clock stands at `now`: a period whose end is reached is over, and what was held is told."""
    if before.until is None or now < before.until:
        return Step(before, act=False)
    return Step(UNSUPPRESSED, act=before.held)


def suppressor_replaced(before: Suppression, *, suppressor_in_alarm: bool) -> Step:
    """The composite got another suppressor, or none: a running period is discarded.

    What was held is told at once unless the new suppressor is in ALARM: a message is never lost by a reconfiguration.
    """
    if suppressor_in_alarm:
        return Step(replace(before, by="Alarm", until=None), act=False)
    return Step(UNSUPPRESSED, act=before.held)
