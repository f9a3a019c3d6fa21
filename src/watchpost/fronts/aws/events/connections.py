"""Connections and API destinations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from watchpost.errors import Refused
from watchpost.events.destinations import Connection, Destination, Parameter
from watchpost.fronts.aws.events.paging import page
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.windows import EPOCH

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PLACES: Mapping[Literal["header", "query", "body"], str] = {
    "header": "HeaderParameters",
    "query": "QueryStringParameters",
    "body": "BodyParameters",
}


def create_connection(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make a connection."""
    given = call.input
    blank = Connection(given["Name"], "", "BASIC", "", "", EPOCH, EPOCH)
    made = server.events.connections.create(_changed(blank, given), call.access_key or "")
    return _receipt(made)


def update_connection(server: "Server", call: Call) -> Mapping[str, Any]:
    """Change a connection; what is not given stays."""
    actor = call.access_key or ""
    changed = server.events.connections.change(call.input["Name"], lambda old: _changed(old, call.input), actor)
    return _receipt(changed) | {"LastAuthorizedTime": changed.changed}


def describe_connection(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a connection, its secrets left out."""
    connection = server.events.connections.describe(call.input["Name"])
    authorization: dict[str, Any]
    if connection.authorization == "BASIC":
        authorization = {"BasicAuthParameters": {"Username": connection.principal}}
    else:
        authorization = {"ApiKeyAuthParameters": {"ApiKeyName": connection.principal}}
    if connection.parameters:
        authorization["InvocationHttpParameters"] = {
            member: [_parameter(p) for p in connection.parameters if p.place == place]
            for place, member in _PLACES.items()
        }
    return _listed(connection) | _description(connection.description) | {"AuthParameters": authorization}


def list_connections(server: "Server", call: Call) -> Mapping[str, Any]:
    """List connections by name."""
    prefix, state = call.input.get("NamePrefix", ""), call.input.get("ConnectionState")
    found, more = page(
        call, lambda after, limit: server.events.connections.connections(prefix, after, limit), lambda c: c.name
    )
    return {"Connections": [_listed(c) for c in found if state in (None, _state(c))], **more}


def deauthorize_connection(server: "Server", call: Call) -> Mapping[str, Any]:
    """Forget a connection's secrets; nothing is sent through it any more."""

    def emptied(connection: Connection) -> Connection:
        return replace(connection, secret="", live=False)

    changed = server.events.connections.change(call.input["Name"], emptied, call.access_key or "")
    return _receipt(changed)


def delete_connection(server: "Server", call: Call) -> Mapping[str, Any]:
    """Remove a connection."""
    return _receipt(server.events.connections.delete(call.input["Name"], call.access_key or ""))


def create_api_destination(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make an API destination."""
    given = call.input
    blank = Destination(given["Name"], "", "", "", "POST", EPOCH, EPOCH)
    made = server.events.connections.create_destination(_destination(blank, given), call.access_key or "")
    return _destination_receipt(made)


def update_api_destination(server: "Server", call: Call) -> Mapping[str, Any]:
    """Change an API destination; what is not given stays."""
    changed = server.events.connections.change_destination(
        call.input["Name"], lambda old: _destination(old, call.input), call.access_key or ""
    )
    return _destination_receipt(changed)


def describe_api_destination(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show an API destination."""
    destination = server.events.connections.describe_destination(call.input["Name"])
    return _listed_destination(destination) | _description(destination.description)


def list_api_destinations(server: "Server", call: Call) -> Mapping[str, Any]:
    """List API destinations by name."""
    prefix, connection = call.input.get("NamePrefix", ""), call.input.get("ConnectionArn")
    found, more = page(
        call,
        lambda after, limit: server.events.connections.destinations(prefix, connection, after, limit),
        lambda destination: destination.name,
    )
    return {"ApiDestinations": [_listed_destination(destination) for destination in found], **more}


def delete_api_destination(server: "Server", call: Call) -> None:
    """Remove an API destination."""
    server.events.connections.delete_destination(call.input["Name"], call.access_key or "")


def _changed(connection: Connection, given: Mapping[str, Any]) -> Connection:
    kind = given.get("AuthorizationType", connection.authorization)
    parameters = given.get("AuthParameters", {})
    if kind == "OAUTH_CLIENT_CREDENTIALS":
        raise Refused("ValidationException", "AuthorizationType OAUTH_CLIENT_CREDENTIALS is not supported.")
    if given.get("KmsKeyIdentifier") or given.get("InvocationConnectivityParameters"):
        raise Refused("ValidationException", "Customer keys and private connectivity are not supported.")
    member, name, secret = (
        ("BasicAuthParameters", "Username", "Password")
        if kind == "BASIC"
        else ("ApiKeyAuthParameters", "ApiKeyName", "ApiKeyValue")
    )
    fresh = kind != connection.authorization or not connection.arn
    authorization = parameters.get(member)
    if fresh and authorization is None:
        raise Refused("ValidationException", f"Parameter AuthParameters is not valid. Reason: {member} is required.")
    authorization = authorization or {}
    if "InvocationHttpParameters" in parameters:
        connection = replace(connection, parameters=_parameters(parameters["InvocationHttpParameters"]))
    return replace(
        connection,
        authorization=kind,
        principal=authorization.get(name, connection.principal),
        secret=authorization.get(secret, connection.secret),
        description=given.get("Description", connection.description),
        live=connection.live or secret in authorization,
    )


def _parameters(given: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(place, one.get("Key", ""), one.get("Value", ""), one.get("IsValueSecret", False))
        for place, member in _PLACES.items()
        for one in given.get(member, ())
    )


def _parameter(parameter: Parameter) -> dict[str, Any]:
    shown = {"Key": parameter.key, "IsValueSecret": parameter.secret}
    return shown if parameter.secret else shown | {"Value": parameter.value}


def _destination(destination: Destination, given: Mapping[str, Any]) -> Destination:
    return replace(
        destination,
        connection=given.get("ConnectionArn", destination.connection),
        endpoint=given.get("InvocationEndpoint", destination.endpoint),
        method=given.get("HttpMethod", destination.method),
        description=given.get("Description", destination.description),
        rate=given.get("InvocationRateLimitPerSecond", destination.rate),
    )


def _state(connection: Connection) -> str:
    return "AUTHORIZED" if connection.live else "DEAUTHORIZED"


def _description(text: str | None) -> dict[str, Any]:
    return {} if text is None else {"Description": text}


def _receipt(connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": connection.arn,
        "ConnectionState": _state(connection),
        "CreationTime": connection.created,
        "LastModifiedTime": connection.changed,
    }


def _listed(connection: Connection) -> dict[str, Any]:
    return _receipt(connection) | {"Name": connection.name, "AuthorizationType": connection.authorization}


def _destination_receipt(destination: Destination) -> dict[str, Any]:
    return {
        "ApiDestinationArn": destination.arn,
        "ApiDestinationState": "ACTIVE",
        "CreationTime": destination.created,
        "LastModifiedTime": destination.changed,
    }


def _listed_destination(destination: Destination) -> dict[str, Any]:
    return _destination_receipt(destination) | {
        "Name": destination.name,
        "ConnectionArn": destination.connection,
        "InvocationEndpoint": destination.endpoint,
        "HttpMethod": destination.method,
        "InvocationRateLimitPerSecond": destination.rate,
    }


OPERATIONS: Mapping[str, Operation] = {
    "CreateConnection": create_connection,
    "UpdateConnection": update_connection,
    "DescribeConnection": describe_connection,
    "ListConnections": list_connections,
    "DeauthorizeConnection": deauthorize_connection,
    "DeleteConnection": delete_connection,
    "CreateApiDestination": create_api_destination,
    "UpdateApiDestination": update_api_destination,
    "DescribeApiDestination": describe_api_destination,
    "ListApiDestinations": list_api_destinations,
    "DeleteApiDestination": delete_api_destination,
}

PARTIAL: Mapping[str, str] = {
    "CreateConnection": "API_KEY and BASIC; OAuth, customer keys and private connectivity are refused",
    "UpdateConnection": "API_KEY and BASIC; OAuth, customer keys and private connectivity are refused",
    "DescribeConnection": "no SecretArn: secrets are kept in the server's own database",
    "CreateApiDestination": "the rate limit is kept and not enforced; http addresses are allowed",
    "UpdateApiDestination": "the rate limit is kept and not enforced; http addresses are allowed",
}
