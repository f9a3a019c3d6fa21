"""Random values of botocore's shapes, and botocore itself as the other end of the wire."""

import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import botocore.model
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.loaders import Loader
from botocore.parsers import PROTOCOL_PARSERS
from botocore.serialize import SERIALIZERS

from watchpost.fronts.aws.wire import Request, Response

WORDS = {"cbor": "smithy-rpc-v2-cbor"}
_COMPOUND = {"structure", "list", "map"}
FLOATS = [0.0, -1.5, 1e-300, 1e300, 0.1, 1000.0, float("inf"), float("-inf"), float("nan")]
_TEXT = string.ascii_letters + string.digits + " -_.~/:%+&=#?'\"<>;,@!$()*[]{}|\\^`éß漢🙂"
_HEADER = string.ascii_letters + string.digits + "-_.~/:%+&=#?'<>;@!$()*[]{}|^`"


def botocore_model(service: str) -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(Loader().load_service_model(service, "service-2"), service)


class Values:
    """Members of a shape, each there or not by chance (a `random.Random`).

    What the wire cannot tell from absence, such as an empty list in a header, is never drawn.
    """

    def __init__(self, random: Any) -> None:
        self.random = random

    def of(self, shape: Any, depth: int = 0, place: str | None = None) -> Any:
        place = shape.serialization.get("location", place)
        return getattr(self, shape.type_name, self.number)(shape, depth, place)

    def structure(self, shape: Any, depth: int = 0, place: str | None = None) -> dict[str, Any]:
        del place
        if shape.is_document_type:
            return {"free": [1, "form", None, {"of": 1.5}]}
        return self.members(shape, depth)

    def list(self, shape: Any, depth: int, place: str | None) -> list[Any]:
        return [self.of(shape.member, depth + 1, place) for _ in range(self.random.randint(1, 3))]

    def map(self, shape: Any, depth: int, place: str | None) -> dict[str, Any]:
        inner = "header" if place == "headers" else place
        keys = [self.text(shape.key, inner) for _ in range(self.random.randint(1, 3))]
        if place == "headers":
            keys = [key.lower() for key in keys]
        return {key: self.of(shape.value, depth + 1, inner) for key in keys}

    def string(self, shape: Any, depth: int, place: str | None) -> Any:
        del depth
        if shape.serialization.get("jsonvalue") and place == "header":
            return {"a": [1, "b"]}
        return self.text(shape, place)

    def timestamp(self, shape: Any, depth: int, place: str | None) -> datetime:
        del shape, depth, place
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(-(10**9), 10**9))

    def blob(self, shape: Any, depth: int, place: str | None) -> bytes:
        del shape, depth, place
        return self.random.randbytes(self.random.randint(0, 20))

    def number(self, shape: Any, depth: int, place: str | None) -> Any:
        del depth, place
        return self.random.choice(
            {
                "boolean": [True, False],
                "integer": [0, -1, 2**31 - 1, -(2**31), self.random.randint(-1000, 1000)],
                "long": [0, -1, 2**63 - 1, -(2**63), self.random.randint(-1000, 1000)],
                "float": FLOATS,
                "double": FLOATS,
            }[shape.type_name]
        )

    def members(self, shape: Any, depth: int = 0) -> dict[str, Any]:
        needed = set(shape.required_members) | {
            name for name, member in shape.members.items() if member.serialization.get("location") == "uri"
        }
        chosen = {
            name: member
            for name, member in shape.members.items()
            if name in needed or self.random.random() < 0.7 / (depth + 1)
        }
        if shape.metadata.get("union"):
            chosen = dict([self.random.choice(list(shape.members.items()))])
        members = {}
        for name, member in chosen.items():
            if depth > 4 and member.type_name in _COMPOUND:
                continue
            if member.serialization.get("eventstream"):
                continue
            members[name] = self.of(member, depth + 1)
        if not members and shape.members and depth:
            # An empty structure in a list leaves no trace in a form.
            single = [name for name, member in shape.members.items() if member.type_name not in _COMPOUND]
            name = (single or list(shape.members))[0]
            members[name] = self.of(shape.members[name], depth + 1)
        return members

    def text(self, shape: Any, place: str | None) -> str:
        if shape.enum:
            return self.random.choice(shape.enum)
        if shape.serialization.get("hostLabel"):
            return "label"
        letters = _HEADER if place in {"header", "headers"} else _TEXT
        return "".join(self.random.choices(letters, k=self.random.randint(1, 12)))


def request_of(model: botocore.model.ServiceModel, operation: str, params: Mapping[str, Any], protocol: str) -> Request:
    """The request botocore sends."""
    serializer = SERIALIZERS[WORDS.get(protocol, protocol)]()
    plain = serializer.serialize_to_request(dict(params), model.operation_model(operation))
    plain.pop("host_prefix", None)
    prepare_request_dict(plain, "http://127.0.0.1:8790", {}, None)
    names = ("method", "url", "data", "headers")
    body = plain["body"] if plain["body"] != {} else b""
    made = AWSRequest(
        **dict(zip(names, (plain["method"], plain["url"], body, plain["headers"]), strict=True))
    ).prepare()
    _, _, rest = made.url.partition("127.0.0.1:8790")
    path, _, query = rest.partition("?")
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in made.headers.items()
    }
    data = made.body or b""
    return Request(made.method, path or "/", query, headers, data.encode() if isinstance(data, str) else bytes(data))


def read_by_botocore(
    model: botocore.model.ServiceModel, shape: Any, response: Response, protocol: str, operation: str = ""
) -> dict[str, Any]:
    """What botocore makes of a response, without its metadata."""
    from botocore.awsrequest import HeadersDict

    parser = PROTOCOL_PARSERS[WORDS.get(protocol, protocol)]()
    # A streamed body is not bytes to botocore, and is handed on as it is.
    payload = shape.serialization.get("payload") if shape else None
    raw = payload is not None and shape.members[payload].type_name == "blob"
    body: Any = bytearray(response.body) if raw else response.body
    parsed = parser.parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": body,
            "context": {"operation_name": operation},
        },
        shape,
    )
    if payload is not None and parsed.get(payload) == "":
        # No body at all is an empty text to botocore.
        del parsed[payload]
    return parsed


def plain(value: Any) -> Any:
    """A value for comparing: absent and empty are one, NaN equals itself, instants are their whole second."""
    if isinstance(value, Mapping):
        inner = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ({}, [], None)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex() or None
    return value
