"""What a channel is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from watchpost.channels._settings import Settings
from watchpost.errors import Refused
from watchpost.registry import Family


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing to send: to whom (`endpoint`, in the protocol's own form) and what.

    `id` is the message's, the same at every attempt; `at` when it was published. `subject` and `body` are text;
    `headers` are HTTP's, for webhooks only.
    """

    id: str
    at: datetime
    protocol: str
    endpoint: str
    subject: str | None
    body: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side took it; `answer` is what it said, in a few words."""

    answer: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The other side did not take it. `lasting`: trying again is no use."""

    why: str
    lasting: bool = False


def unmasked(endpoint: str) -> str:
    """The endpoint as it is: it holds no secret."""
    return endpoint


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to tell somebody.

    Args: protocols: the subscription protocols it serves. people: those of them that speak to people, who are told
    once per incident. confirmed: those whose endpoint needs no confirmation. check: raises Refused unless
    (protocol, endpoint) can be served with these settings. send: sends one parcel; blocks, within the time limit of
    its settings; raises nothing. shown: the endpoint for listings, its secrets masked.
    """

    protocols: tuple[str, ...]
    people: frozenset[str]
    confirmed: frozenset[str]
    check: Callable[[str, str, Settings], None]
    send: Callable[[Parcel, Settings], Sent | Failed]
    shown: Callable[[str], str] = unmasked


CHANNELS = Family("watchpost.channels", Channel)

# Protocols of SNS that lead into services of AWS which this server does not have.
_ELSEWHERE = {
    "sqs": "SQS queues",
    "lambda": "Lambda functions",
    "firehose": "Firehose streams",
    "application": "mobile push platforms",
}


@cache
def protocols() -> Mapping[str, str]:
    """Every protocol that can be subscribed, and the name of the channel that serves it."""
    return {protocol: name for name in CHANNELS.names() for protocol in _loaded(name).protocols}


def channel_of(protocol: str) -> Channel:
    """The channel that serves a subscription protocol.

    Raises: Refused: InvalidParameter, there is no such protocol, or it leads to a service that is not here.
    """
    served = protocols()
    if protocol in served:
        return _loaded(served[protocol])
    if protocol in _ELSEWHERE:
        raise Refused(
            "InvalidParameterException",
            f"Invalid parameter: Protocol Reason: this server has no {_ELSEWHERE[protocol]}. "
            f"Protocols it delivers by: {', '.join(sorted(served))}",
        )
    raise Refused(
        "InvalidParameterException", f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}"
    )


@cache
def _loaded(name: str) -> Channel:
    # Looking for packages from outside reads the disk; every delivery asks, and the answer does not change.
    return CHANNELS.load(name)
