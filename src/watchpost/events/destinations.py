"""Connections and API destinations as values, and the HTTP request that an invocation of one becomes."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from watchpost.events.rules import HttpParameters

Authorization = Literal["API_KEY", "BASIC"]
Method = Literal["POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something a connection adds to every request; a secret one is never shown again."""

    place: Literal["header", "query", "body"]
    key: str
    value: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """How requests are authorised: `name` is the header (API_KEY) or the user (BASIC), `secret` the key or password.

    `live` is false when it was deauthorised: then nothing is sent.
    """

    name: str
    arn: str
    authorization: Authorization
    principal: str
    secret: str
    created: datetime
    changed: datetime
    description: str | None = None
    parameters: tuple[Parameter, ...] = ()
    live: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """An HTTP endpoint behind a connection; `*` in its path stands for a value that the target gives."""

    name: str
    arn: str
    connection: str
    endpoint: str
    method: Method
    created: datetime
    changed: datetime
    description: str | None = None
    rate: int = 300


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def webhook(url: str, body: str) -> Request:
    """The request that brings an input to an address of its own."""
    return Request("POST", url, (("content-type", "application/json; charset=utf-8"),), body.encode())


def request(destination: Destination, connection: Connection, given: HttpParameters, body: str) -> Request:
    """The request that brings an input to an API destination.

    What the connection says wins over what the target says. Parameters of the body are added to it when it is a JSON
    object. Raises: ValueError: the path has more `*` than the target gives values.
    """
    stars = destination.endpoint.count("*")
    if stars > len(given.path_values):
        raise ValueError(
            f"{destination.endpoint} has {stars} '*', but the target gives {len(given.path_values)} values"
        )
    pieces = destination.endpoint.split("*")
    values = [quote(value, safe="") for value in given.path_values[:stars]]
    url = "".join(piece + value for piece, value in zip(pieces, [*values, ""], strict=True))
    query = dict(given.query) | _parameters(connection, "query")
    headers = {name.lower(): value for name, value in given.headers} | {
        "content-type": "application/json; charset=utf-8"
    }
    headers |= {name.lower(): value for name, value in _parameters(connection, "header").items()}
    headers |= _authorization(connection)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    return Request(destination.method, url, tuple(headers.items()), _body(body, _parameters(connection, "body")))


def _parameters(connection: Connection, place: str) -> dict[str, str]:
    return {parameter.key: parameter.value for parameter in connection.parameters if parameter.place == place}


def _authorization(connection: Connection) -> Mapping[str, str]:
    if connection.authorization == "API_KEY":
        return {connection.principal.lower(): connection.secret}
    token = b64encode(f"{connection.principal}:{connection.secret}".encode()).decode()
    return {"authorization": f"Basic {token}"}


def _body(text: str, added: dict[str, str]) -> bytes:
    if not added:
        return text.encode()
    try:
        return msgspec.json.encode({**msgspec.json.decode(text, type=dict[str, object]), **added})
    except msgspec.DecodeError:
        return text.encode()
