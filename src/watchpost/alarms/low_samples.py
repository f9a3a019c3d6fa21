"""When a percentile stands on too few samples to mean anything.

Source: CloudWatch's user guide, "Percentile-based alarms and low data samples": with p = NN/100, fewer than 10/(1 - p)
samples for p >= 0.5, fewer than 10/p below. The samples are counted over the newest N periods (the guide says "the
evaluation period").
"""

from watchpost.alarms.records import MetricAlarm


def fewest_samples(stat: str) -> float:
    """How many samples a statistic needs; 0 for what is no percentile between p0 and p100.

    >>> round(fewest_samples("p99")), round(fewest_samples("p10")), fewest_samples("Average")
    (1000, 100, 0.0)
    """
    if not stat.startswith("p"):
        return 0.0
    percentile = float(stat[1:]) / 100
    if not 0 < percentile < 1:
        return 0.0
    return 10 / (1 - percentile) if percentile >= 0.5 else 10 / percentile


def minds_low_samples(alarm: MetricAlarm) -> bool:
    """Whether the alarm keeps its state while samples are few."""
    return alarm.low_samples == "ignore" and alarm.stat is not None and fewest_samples(alarm.stat.stat) > 0


def has_few_samples(alarm: MetricAlarm, samples: float) -> bool:
    """Whether so many samples in the newest N periods are too few. For alarms that watch one metric."""
    assert alarm.stat is not None
    # 10 / (1 - 0.99) is a hair over 1000 in floating point; a thousand samples are enough.
    return samples < fewest_samples(alarm.stat.stat) * (1 - 1e-9)
