"""What PutLogEvents takes: limits of a batch, and events that are too new, too old or already expired."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from watchpost.errors import Refused
from watchpost.logs.records import DAY, Rejected

MOST_BYTES = 1_048_576
OVERHEAD = 26
"""Bytes that every event counts beyond its UTF-8 text."""
FUTURE = 2 * 3_600_000
PAST = 14 * DAY


@dataclass(frozen=True, slots=True)
class Admitted:
    """The events that are taken, [first, end) of the batch, and what is said about the others."""

    first: int
    end: int
    rejected: Rejected


def size(messages: Sequence[str]) -> int:
    """Bytes of a batch as CloudWatch counts them."""
    return sum(len(message) if message.isascii() else len(message.encode()) for message in messages) + OVERHEAD * len(
        messages
    )


def storable(message: str) -> str:
    """The message with halves of surrogate pairs, which no UTF-8 can hold, replaced by a question mark."""
    return message if message.isascii() else message.encode("utf-8", "replace").decode()


def check_batch(timestamps: Sequence[int], bytes_: int) -> None:
    """Refuse a batch that cannot be taken at all; timestamps in epoch milliseconds.

    Raises: Refused InvalidParameterException, in CloudWatch's words.
    """
    if bytes_ > MOST_BYTES:
        raise Refused("InvalidParameterException", f"Upload too large: {bytes_} bytes exceeds limit of {MOST_BYTES}")
    if any(later < earlier for earlier, later in pairwise(timestamps)):
        raise Refused(
            "InvalidParameterException",
            "Log events in a single PutLogEvents request must be in chronological order.",
        )


def check_span(timestamps: Sequence[int]) -> None:
    """Refuse events that lie more than a day apart; ascending, epoch milliseconds.

    Raises: Refused InvalidParameterException.
    """
    if timestamps and timestamps[-1] - timestamps[0] > DAY:
        raise Refused(
            "InvalidParameterException",
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        )


def admit(timestamps: Sequence[int], now: int, horizon: int) -> Admitted:
    """Which of these ascending events (epoch milliseconds) are taken at `now` by a group that keeps from `horizon` on.

    Of the events before both bounds those older than 14 days are told as too old, all before the horizon as expired.
    """
    too_old = sum(1 for timestamp in timestamps if timestamp < now - PAST)
    expired = sum(1 for timestamp in timestamps if timestamp < horizon)
    end = len(timestamps) - sum(1 for timestamp in timestamps if timestamp > now + FUTURE)
    first = min(max(too_old, expired), end)
    rejected = Rejected(
        too_new_start=end if end < len(timestamps) else None,
        too_old_end=too_old or None,
        expired_end=expired or None,
    )
    return Admitted(first, end, rejected)
