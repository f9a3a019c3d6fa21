"""Alarms and datapoints to try things with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from watchpost.alarms.judgement import Periods
from watchpost.alarms.records import MetricAlarm
from watchpost.metrics.identity import Metric, MetricStat

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
INSTANTS = st.integers(0, 365 * 86_400).map(lambda second: NOON + timedelta(seconds=second))
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:latency"

LATENCY = MetricStat(Metric.of("app", "latency", {"endpoint": "prices"}), 60, "Average")
ALARM_ON_LATENCY = MetricAlarm(
    name="latency",
    arn=ARN,
    created=NOON,
    updated=NOON,
    evaluation_periods=1,
    operator="GreaterThanThreshold",
    stat=LATENCY,
    threshold=10.0,
)


def alarm(**changes: object) -> MetricAlarm:
    """An alarm on average latency above 10, changed."""
    return replace(ALARM_ON_LATENCY, **changes)  # type: ignore[arg-type]  # the tests name the fields


def periods(values: list[float | None], period: int = 60, at: datetime = NOON, limit: float = 10.0) -> Periods:
    """Periods up to the instant with these values, oldest first."""
    starts = int(at.timestamp()) - period * np.arange(len(values), 0, -1, dtype=np.int64)
    plain = np.array([np.nan if value is None else value for value in values])
    limits = np.full(len(values), limit)
    return Periods(at, starts, plain, limits, limits, np.zeros(len(values), np.bool_))
