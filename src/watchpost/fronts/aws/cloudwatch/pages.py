"""Pages of ListMetrics: a token says behind which metric the next page begins, so no page repeats or skips any."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from watchpost.errors import Refused
from watchpost.metrics.identity import Metric


def page(found: Sequence[Metric], token: str | None, size: int) -> tuple[Sequence[Metric], str | None]:
    """A page of metrics (in order) and the token of the next, None after the last.

    Raises: Refused(InvalidParameterValueException): the token is none of ours.
    """
    first = 0 if token is None else bisect_right(found, _metric(token))
    some = found[first : first + size]
    return some, _token(some[-1]) if first + size < len(found) else None


def _token(metric: Metric) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(metric))).decode()


def _metric(token: str) -> Metric:
    try:
        body = base64.urlsafe_b64decode(token.encode())
        return Metric(*msgspec.json.decode(body, type=tuple[str, str, tuple[tuple[str, str], ...]]))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as problem:
        raise Refused("InvalidParameterValueException", "Request parameter NextToken is invalid") from problem
