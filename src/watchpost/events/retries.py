"""When a failed invocation is tried again.

Amazon publishes the bounds (185 attempts, 24 hours, "exponential back-off and jitter"), not the curve. Ours doubles
from one second to eight minutes, so that 185 attempts fill 24 hours, and takes up to a quarter off each step.
"""

from datetime import datetime, timedelta

from watchpost.events.rules import RetryPolicy

FIRST, LONGEST = timedelta(seconds=1), timedelta(seconds=480)


def next_attempt(
    policy: RetryPolicy, attempts: int, begun: datetime, failed: datetime, jitter: float, asked: timedelta | None = None
) -> datetime | None:
    """The instant of the next attempt, or None when the policy allows no more.

    Args: attempts: how many were made, at least 1. begun: when the event was matched. failed: when the last attempt
    failed. jitter: in [0, 1]. asked: how long the target asked to be left alone (Retry-After).
    """
    if attempts > policy.attempts:
        return None
    step = min(FIRST * 2 ** min(attempts - 1, 16), LONGEST) * (1 - jitter / 4)
    at = failed + max(step, asked or step)
    return at if at <= begun + timedelta(seconds=policy.seconds) else None
