"""The documents of the log service, their keys and ARNs, and the refusals when one is not there."""

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.logs.records import LogGroup, LogStream, QueryDefinition
from watchpost.service.configuration import Configuration
from watchpost.stores.store import Transaction

LOG_GROUP = Kind("log-group", LogGroup)
LOG_STREAM = Kind("log-stream", LogStream)
QUERY_DEFINITION = Kind("log-query-definition", QueryDefinition)


def stream_key(group: str, stream: str) -> str:
    """The key of a stream's document: names of groups hold no colon, so `group:` starts the keys of its streams."""
    return f"{group}:{stream}"


def group_arn(configuration: Configuration, name: str) -> str:
    """A group's ARN without the `:*` that some answers append."""
    return f"arn:aws:logs:{configuration.region}:{configuration.account}:log-group:{name}"


def stream_arn(configuration: Configuration, group: str, name: str) -> str:
    """A stream's ARN."""
    return f"{group_arn(configuration, group)}:log-stream:{name}"


def group_name(identifier: str) -> str:
    """The group that a name or an ARN, with or without `:*`, speaks of."""
    if not identifier.startswith("arn:"):
        return identifier
    _, mark, name = identifier.partition(":log-group:")
    if not mark:
        raise Refused("InvalidParameterException", f"The ARN names no log group: {identifier}")
    return name.partition(":")[0]


def group_of(tx: Transaction, name: str) -> LogGroup:
    """The group.

    Raises: Refused ResourceNotFoundException.
    """
    group = tx.get(LOG_GROUP, name)
    if group is None:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def stream_of(tx: Transaction, group: str, name: str) -> LogStream:
    """The stream of a group that is there.

    Raises: Refused ResourceNotFoundException.
    """
    stream = tx.get(LOG_STREAM, stream_key(group, name))
    if stream is None:
        raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
    return stream
