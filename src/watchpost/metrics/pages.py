"""An answer in pages: as many points as asked for, and a token that says where the next page begins.

A token is stateless: it holds a fingerprint of its request and the last place that was answered, so it never expires
and data that arrive between two pages neither repeat nor hide points.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchpost.errors import Refused
from watchpost.metrics.query import Result

MOST_DATAPOINTS = 100_800
"""Points of one page, by default and at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: the number of the result, and the timestamp that was answered last of it."""

    result: int = 0
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a page holds of one result, in the asked order; `whole` unless more of it follows."""

    result: Result
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]
    whole: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Parts of at most as many points as asked for; `next` is None on the last page."""

    parts: tuple[Part, ...]
    next: Place | None


def page(results: Sequence[Result], place: Place, limit: int, descending: bool) -> Page:
    """The page of `limit` (at least 1) points that begins at a place."""
    parts: list[Part] = []
    room = limit
    for number in range(place.result, len(results)):
        points = results[number].points
        first, last = 0, len(points)
        if number == place.result and place.after is not None:
            if descending:
                last = int(np.searchsorted(points.timestamps, place.after, side="left"))
            else:
                first = int(np.searchsorted(points.timestamps, place.after, side="right"))
        count = min(last - first, room)
        if count == 0 and last > first:
            return Page(tuple(parts), Place(number))
        chosen = slice(last - count, last) if descending else slice(first, first + count)
        step = -1 if descending else 1
        timestamps, values = points.timestamps[chosen][::step], points.values[chosen][::step]
        whole = count == last - first
        parts.append(Part(results[number], timestamps, values, whole))
        if not whole:
            return Page(tuple(parts), Place(number, int(timestamps[-1])))
        room -= count
    return Page(tuple(parts), None)


def fingerprint(request: object) -> str:
    """What tells one request from another: a hash of its text."""
    return hashlib.sha256(repr(request).encode()).hexdigest()[:32]


def write_token(place: Place, request: str) -> str:
    """The token of a place in the answer to a request (its fingerprint)."""
    body = msgspec.json.encode((1, request, place.result, place.after))
    return base64.urlsafe_b64encode(body).decode()


def read_token(token: str, request: str) -> Place:
    """The place a token names.

    Raises: Refused (InvalidNextToken): it was not made by us, or for another request.
    """
    try:
        body = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        version, of, result, after = msgspec.json.decode(body, type=tuple[int, str, int, int | None])
    except (binascii.Error, UnicodeError, msgspec.MsgspecError) as problem:
        raise Refused("InvalidNextToken", "The parameter NextToken is invalid.") from problem
    if version != 1 or of != request or result < 0:
        raise Refused(
            "InvalidNextToken", "The parameter NextToken is invalid: it belongs to a request with other parameters."
        )
    return Place(result, after)
