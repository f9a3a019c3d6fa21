"""Why an alarm is in its state: CloudWatch's sentences (StateReason) and its JSON (StateReasonData)."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING

from watchpost.alarms.breaches import OPERATORS
from watchpost.alarms.evaluation import BREACHING, WITHIN
from watchpost.alarms.records import ALARM, INSUFFICIENT_DATA, MetricAlarm, State

if TYPE_CHECKING:
    from watchpost.alarms.judgement import Periods

# What DescribeAlarms may answer at most; longer lists are cut, the newest datapoints stay.
LONGEST_REASON, LONGEST_DATA = 1023, 4000
# More than these fit into neither, so nothing is gained by trying.
_MOST_TOLD, _MOST_KEPT = 45, 60


def reason(alarm: MetricAlarm, periods: "Periods", seen: str, before: State, state: State) -> str:
    """The sentence. `seen` are the marks of the periods, oldest first."""
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_datapoints(alarm.evaluation_periods)} {_were(alarm.evaluation_periods)} unknown."
    deciding = _deciding(alarm, seen)
    missing = alarm.evaluation_periods - len(deciding)
    treated = _treated(alarm, missing)
    if not deciding:
        received = f"no datapoints were received for {missing} {'period' if missing == 1 else 'periods'}"
        return f"Threshold Crossed: {received}{f' and {treated}' if treated else ''}."
    # Where what is missing decided against all that is there, the sentence says what is there, and on which side.
    told = [i for i in reversed(deciding) if seen[i] == (BREACHING if state == ALARM else WITHIN)] or deciding[::-1]
    hit = seen[told[0]] == BREACHING
    for cut in range(min(len(told), _MOST_TOLD), 0, -1):
        text = _crossed(alarm, periods, told[:cut], len(told), len(deciding), hit=hit)
        text += _least(alarm, before, state, hit=hit)
        text += f" and {treated}." if treated else "."
        if len(text) <= LONGEST_REASON:
            return text
    return text[:LONGEST_REASON]


def reason_data(alarm: MetricAlarm, periods: "Periods", seen: str) -> str:
    """The JSON, as text of at most 4000 characters."""
    real = _deciding(alarm, seen)
    for cut in range(min(len(real), _MOST_KEPT), -1, -1):
        text = json.dumps(_data(alarm, periods, real[len(real) - cut :]), separators=(",", ":"))
        if len(text) <= LONGEST_DATA:
            return text
    return text


def _deciding(alarm: MetricAlarm, seen: str) -> list[int]:
    """Which datapoints decide: the newest N, or all of the range where there are fewer."""
    real = [index for index, mark in enumerate(seen) if mark in {WITHIN, BREACHING}]
    return real[-alarm.evaluation_periods :]


def java_number(value: float) -> str:
    """A double as CloudWatch writes it in sentences, which is Java's way.

    >>> java_number(21), java_number(12345678.9), java_number(0.0001), java_number(-1e16)
    ('21.0', '1.23456789E7', '1.0E-4', '-1.0E16')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    digits, _, exponent = f"{value:.17e}".partition("e")
    shortest = repr(float(value))
    if "e" in shortest:
        digits, _, exponent = shortest.partition("e")
        digits = digits if "." in digits else f"{digits}.0"
        return f"{digits}E{int(exponent)}"
    figures = shortest.replace("-", "").replace(".", "").strip("0") or "0"
    sign = "-" if value < 0 else ""
    return f"{sign}{figures[0]}.{figures[1:] or '0'}E{int(exponent)}"


def timestamp(instant: datetime) -> str:
    """An instant as CloudWatch writes it in JSON.

    >>> timestamp(datetime(2019, 10, 2, 17, 4, 40, 985000, UTC))
    '2019-10-02T17:04:40.985+0000'
    """
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}+0000"


def _crossed(alarm: MetricAlarm, periods: "Periods", told: Sequence[int], count: int, of: int, *, hit: bool) -> str:
    operator = OPERATORS[alarm.operator]
    stamped = [f"{java_number(periods.values[i])} ({_stamp(int(periods.starts[i]))})" for i in told]
    listed = f"[{', '.join(stamped)}{', ...' if len(told) < count else ''}]"
    how_many = f"{count} out of the last {of} datapoints" if _by_count(alarm) else _datapoints(count)
    comparison = _comparison(alarm, periods, told, negated=not hit)
    return f"Threshold{'s' if operator.band else ''} Crossed: {how_many} {listed} {_were(count)} {comparison}"


def _by_count(alarm: MetricAlarm) -> bool:
    return alarm.datapoints_to_alarm is not None or OPERATORS[alarm.operator].band


def _least(alarm: MetricAlarm, before: State, state: State, *, hit: bool) -> str:
    """How many such datapoints a transition takes."""
    if not _by_count(alarm) or before == state:
        return ""
    if hit and state != ALARM:
        return f" (minimum {_datapoints(alarm.needed)} for {state} -> ALARM transition)"
    least = alarm.needed if state == ALARM else alarm.evaluation_periods - alarm.needed + 1
    return f" (minimum {_datapoints(least)} for {before} -> {state} transition)"


def _comparison(alarm: MetricAlarm, periods: "Periods", told: Sequence[int], *, negated: bool) -> str:
    operator, no = OPERATORS[alarm.operator], "not " if negated else ""
    if operator.band:
        sides = [("less than the lower", periods.lower)] * operator.below
        sides += [("greater than the upper", periods.upper)] * operator.above
        return " or ".join(f"{no}{words} thresholds {_numbers(limits[i] for i in told)}" for words, limits in sides)
    thresholds = [float(periods.upper[i]) for i in told]
    if len(set(thresholds)) == 1:
        return f"{no}{operator.words} the threshold ({java_number(thresholds[0])})"
    return f"{no}{operator.words} the thresholds {_numbers(thresholds)}"


def _treated(alarm: MetricAlarm, missing: int) -> str | None:
    word = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(alarm.treatment or "missing")
    if word is None or missing == 0:
        return None
    return f"{missing} missing {'datapoint' if missing == 1 else 'datapoints'} {_were(missing)} treated as [{word}]"


def _data(alarm: MetricAlarm, periods: "Periods", real: Sequence[int]) -> dict[str, object]:
    data: dict[str, object] = {"version": "1.0", "queryDate": timestamp(periods.at)}
    if real:
        data["startDate"] = _iso(int(periods.starts[real[0]]))
    if alarm.stat is not None:
        if alarm.stat.unit is not None:
            data["unit"] = alarm.stat.unit
        data["statistic"] = alarm.stat.stat
    data["period"] = alarm.period
    data["recentDatapoints"] = [float(periods.values[i]) for i in real]
    if OPERATORS[alarm.operator].band:
        data["recentLowerThresholds"] = [_plain(periods.lower[i]) for i in real]
        data["recentUpperThresholds"] = [_plain(periods.upper[i]) for i in real]
    else:
        data["threshold"] = float(periods.upper[-1])
    data["evaluatedDatapoints"] = [_evaluated(periods, i) for i in reversed(real)]
    return data


def _evaluated(periods: "Periods", index: int) -> dict[str, object]:
    point: dict[str, object] = {"timestamp": _iso(int(periods.starts[index]))}
    if periods.samples is not None and not isnan(periods.samples[index]):
        point["sampleCount"] = float(periods.samples[index])
    point["value"] = float(periods.values[index])
    return point


def _plain(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _numbers(values: Iterable[float]) -> str:
    return f"[{', '.join(java_number(float(v)) for v in values)}]"


def _datapoints(count: int) -> str:
    return f"{count} {'datapoint' if count == 1 else 'datapoints'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _stamp(epoch: int) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%d/%m/%y %H:%M:%S}"


def _iso(epoch: int) -> str:
    return timestamp(datetime.fromtimestamp(epoch, UTC))
