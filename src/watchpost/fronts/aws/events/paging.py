"""Lists in pages: the token names the last thing of the page before."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call

T = TypeVar("T")


def page(
    call: Call, found: Callable[[str, int], Sequence[T]], name: Callable[[T], str]
) -> tuple[list[T], dict[str, str]]:
    """One page, and the answer's NextToken if there is more.

    Args: found: what comes after a name, at most so many. name: what the next page starts after.
    Raises: Refused: ValidationException: the token is none of ours.
    """
    limit = call.input.get("Limit", 100)
    after = _read(call.input["NextToken"]) if "NextToken" in call.input else ""
    things = list(found(after, limit + 1))
    if len(things) <= limit:
        return things, {}
    things = things[:limit]
    return things, {"NextToken": urlsafe_b64encode(name(things[-1]).encode()).decode()}


def _read(token: str) -> str:
    try:
        return b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Refused("ValidationException", "Parameter NextToken is not valid.") from None
