"""Lists as SageMaker pages them: filtered, in the order asked for, a token naming where the next page begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from watchpost.errors import Refused

T = TypeVar("T")

Key = tuple[str, str]
"""What a thing is ordered by, as text, and what tells it from others of the same."""


def stamp(at: datetime) -> str:
    """An instant (UTC) as text that sorts as instants do."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"


def page(
    things: Iterable[T], key: Callable[[T], Key], asked: Mapping[str, Any], *, descending: bool = False, most: int = 100
) -> tuple[Sequence[T], dict[str, str]]:
    """One page, and the answer's NextToken if there is more. Raises: Refused: ValidationException: a strange token.

    Args: asked: the request, with SortOrder, MaxResults and NextToken. descending: the order when nothing is said.
    """
    order = asked.get("SortOrder", "Descending" if descending else "Ascending")
    backwards = order == "Descending"
    found = sorted(things, key=key, reverse=backwards)
    if "NextToken" in asked:
        last = _read(asked["NextToken"])
        found = [thing for thing in found if (key(thing) < last if backwards else key(thing) > last)]
    some = found[: min(asked.get("MaxResults", 10), most)]
    if len(some) == len(found):
        return some, {}
    return some, {"NextToken": urlsafe_b64encode(msgspec.json.encode(key(some[-1]))).decode()}


def during(asked: Mapping[str, Any], name: str, at: datetime) -> bool:
    """Whether an instant passes the filters `<name>Before` and `<name>After`."""
    before, after = asked.get(f"{name}Before"), asked.get(f"{name}After")
    return (before is None or at < before) and (after is None or at > after)


def is_asked(asked: Mapping[str, Any], **given: object) -> bool:
    """Whether each value is the one its filter wants, where there is such a filter."""
    return all(asked.get(name) in (None, value) for name, value in given.items())


def _read(token: str) -> Key:
    try:
        return msgspec.json.decode(urlsafe_b64decode(token), type=tuple[str, str])
    except (ValueError, msgspec.MsgspecError):
        raise Refused("ValidationException", "NextToken is not valid.") from None
