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
    links in answers.
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


Operation = Callable[["Server", Call], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class AwsService:
    """One service's operations, as a file of this folder offers them.

    `name` is botocore's (`cloudwatch`); `partial` says in a sentence, for each operation that is not whole, what is
    missing. An operation that is not in `operations` is refused by name.
    """

    name: str
    operations: Mapping[str, Operation]
    partial: Mapping[str, str] = field(default_factory=dict)
