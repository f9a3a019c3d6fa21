"""What an AWS operation is to us: a function from a parsed, validated call to the members of its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchpost.service.server import Server


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its signature verified and its input parsed by the service's model.

    `input` has the model's member names; timestamps are aware UTC datetimes, blobs bytes, numbers int or float.
    `access_key` is None for the few unsigned calls. `base_url` is how the caller reached us (`http://host:port`), for
    links in answers. `headers` have lower-case names.
    """

    service: str
    operation: str
    input: Mapping[str, Any]
    now: datetime
    region: str
    account: str
    access_key: str | None
    request_id: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)


# The answer's members by the model's names; None means "no members". A timestamp may be an aware datetime or epoch
# seconds (int or float: cheaper in a long list), a blob bytes, a list any sequence, a number any int or float.
Operation = Callable[["Server", Call], Mapping[str, Any] | None]

# A faster reader of one operation's body in one protocol, for the few requests that come by the thousand. It gets the
# body, decompressed, and returns what will be `Call.input` - in the shape it likes, for the operation alone sees it -
# or None: then the body goes the general way, whose refusals have AWS's words. What it returns is taken as parsed AND
# validated, so it must return None for whatever the model's constraints would refuse. It must not raise.
Decoder = Callable[[bytes], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class AwsService:
    """One service's operations, as a file of this folder offers them.

    Args: name: botocore's (`cloudwatch`). partial: for each operation that is not whole, what is missing, in a
    sentence. decoders: a `Decoder` by (operation, protocol: `json`, `cbor` or `query`). body_limits: the largest
    body of an operation in bytes, decompressed, where it is not `BODY_LIMIT`. unsigned: operations that may be called
    by an unsigned GET, as links in messages are. An operation that is not in `operations` is refused by name.
    """

    name: str
    operations: Mapping[str, Operation]
    partial: Mapping[str, str] = field(default_factory=dict)
    decoders: Mapping[tuple[str, str], Decoder] = field(default_factory=dict)
    body_limits: Mapping[str, int] = field(default_factory=dict)
    unsigned: frozenset[str] = frozenset()


# PutLogEvents may carry 1 MiB of text, which JSON's \u escapes make up to six times as long on the wire.
BODY_LIMIT = 8 * 1024 * 1024
