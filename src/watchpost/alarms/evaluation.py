"""The evaluation of one alarm's newest periods: marks in, state out.

A period is marked `0` (its datapoint is within the threshold), `X` (breaching), `-` (missing: nothing was reported) or
`?` (blind: our server was not running, so nothing could have been reported to it).

Source: CloudWatch's user guide, "Configuring how alarms treat missing data", with its published tables; where the prose
and the tables disagree (a lone old breach with a good datapoint beside it), the tables hold.
"""

from collections.abc import Sequence

from watchpost.alarms.records import ALARM, INSUFFICIENT_DATA, OK, State, Treatment

WITHIN, BREACHING, MISSING, BLIND = "0", "X", "-", "?"


def evaluate(marks: Sequence[str], periods: int, needed: int, treatment: Treatment, before: State) -> State:
    """The alarm's state after looking at `marks`, oldest first.

    Args: periods: N >= 1; needed: M in 1..N; marks: at least N of `0`, `X`, `-`, `?`.

    The newest N datapoints decide, wherever they stand among the marks; missing periods play a part only where there
    are fewer. Blind periods are neither missing nor breaching: with any of them in sight the state changes only if
    there are N datapoints or M breaching ones, so that a stop of the server invents no transition.

    >>> evaluate("--X--", 3, 2, "missing", "OK"), evaluate("0-X--", 3, 2, "missing", "ALARM")
    ('ALARM', 'OK')
    >>> evaluate("0??", 2, 1, "breaching", "OK")
    'OK'
    """
    real = [mark for mark in marks if mark in {WITHIN, BREACHING}]
    breaching = real.count(BREACHING)
    if len(real) >= periods:
        return ALARM if real[-periods:].count(BREACHING) >= needed else OK
    if BLIND in marks:
        return ALARM if breaching >= needed else before
    if not real:
        return {"missing": INSUFFICIENT_DATA, "ignore": before, "breaching": ALARM, "notBreaching": OK}[treatment]
    filled = periods - len(real)
    if breaching + (filled if treatment == "breaching" else 0) >= needed:
        return ALARM
    # The premature-alarm rule: a breach that is at least M periods old, and no datapoint that says otherwise.
    if treatment in {"missing", "ignore"} and breaching == len(real) and _age_of_oldest_breach(marks) >= needed:
        return ALARM if treatment == "missing" else before
    return OK


def _age_of_oldest_breach(marks: Sequence[str]) -> int:
    """How many periods ago the oldest breach was; the newest period counts as 1."""
    return next(len(marks) - index for index, mark in enumerate(marks) if mark == BREACHING)
