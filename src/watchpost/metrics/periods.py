"""How long data stay at which resolution, which periods may be asked for, and where periods start.

Source: CloudWatch's API reference, GetMetricStatistics and PutMetricData (contract 2.2).
"""

from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86_400
LISTED = 14 * DAY  # a metric is listed while its newest datum is younger
SHORT_PERIODS = (1, 5, 10, 20, 30)


@dataclass(frozen=True, slots=True)
class Tier:
    """Data at one resolution: cells of `step` seconds, in chunks of `chunk` seconds, kept for `kept` seconds.

    Then they are rolled up into the next tier.
    """

    step: int
    chunk: int
    kept: int


TIERS = (
    Tier(1, HOUR, 3 * HOUR),
    Tier(MINUTE, HOUR, 15 * DAY),
    Tier(300, DAY, 63 * DAY),
    Tier(HOUR, 7 * DAY, 455 * DAY),
)


def valid_period(period: int) -> bool:
    """Whether CloudWatch answers for such a period: 1, 5, 10, 20, 30 or a multiple of 60 seconds."""
    return period in SHORT_PERIODS or (period > 0 and period % MINUTE == 0)


def visible_from(period: int, now: int) -> int:
    """The oldest epoch second of which a question with this period learns anything.

    Older data have been rolled up to a resolution that the period does not fit.
    """
    return now - max((tier.kept for tier in TIERS if period % tier.step == 0), default=TIERS[0].kept)


def aligned_start(start: int, period: int, now: int) -> int:
    """Where GetMetricStatistics begins: `start` rounded down to what is kept of that age (epoch seconds).

    Minutes up to 15 days ago, five minutes up to 63 days, hours beyond; periods below a minute round to themselves.
    """
    if period < MINUTE:
        return start - start % period
    age = now - start
    step = MINUTE if age < 15 * DAY else 300 if age < 63 * DAY else HOUR
    return start - start % step
