"""What the two REST protocols share: which part of a request each member stands in, and which request means what."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from watchpost.errors import Refused
from watchpost.fronts.aws import scalars
from watchpost.fronts.aws.model import OperationModel, Shape
from watchpost.fronts.aws.trees import Conversion, listed
from watchpost.fronts.aws.wire import Mismatch, Request
from watchpost.fronts.aws.xml import text_in, text_out

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")
_HEADER_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')


def query_values(query: str) -> dict[str, list[str]]:
    """The parameters of a raw query string, in order. Raises: Refused: a text is not UTF-8."""
    found: dict[str, list[str]] = {}
    try:
        for pair in query.split("&"):
            if pair:
                key, _, value = pair.partition("=")
                plain = unquote_to_bytes(value.replace("+", " ")).decode()
                found.setdefault(unquote_to_bytes(key.replace("+", " ")).decode(), []).append(plain)
    except UnicodeDecodeError:
        raise Refused("InvalidArgument", "The request's parameters are not UTF-8") from None
    return found


@dataclass(frozen=True, slots=True)
class Route:
    """How a request of one operation looks.

    Args: literals: query parameters that must be there, with the value they must have where it is given. required:
    query parameters and headers the operation cannot do without; they tell operations with one path apart.
    """

    operation: OperationModel
    path: re.Pattern[str]
    literals: Mapping[str, str]
    required_query: frozenset[str]
    required_headers: frozenset[str]
    weight: tuple[int, int, int, bool]

    def matches(self, request: Request, values: Mapping[str, list[str]], *, whole: bool) -> bool:
        """Whether the request is this operation's; `whole` asks for what is required too."""
        if request.method != self.operation.method or not self.path.fullmatch(request.path):
            return False
        if not all(key in values and (not value or value in values[key]) for key, value in self.literals.items()):
            return False
        return not whole or (self.required_query <= values.keys() and self.required_headers <= request.headers.keys())


def route(operation: OperationModel) -> Route:
    """The route of an operation by its model."""
    path, _, query = operation.uri.partition("?")
    literals = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    members = operation.input.members if operation.input else {}
    required = [members[n] for n in operation.input.definition.required] if operation.input else []
    in_query = frozenset(shape.location_name or "" for shape in required if shape.location == "querystring")
    in_headers = frozenset((shape.location_name or "").lower() for shape in required if shape.location == "header")
    fixed = sum(1 for part in path.split("/") if part and "{" not in part)
    # S3 has deprecated twins whose requests look alike; the newer one is meant.
    weight = (len(literals), len(in_query) + len(in_headers), fixed, not operation.deprecated)
    return Route(operation, _pattern(path), literals, in_query, in_headers, weight)


def _pattern(path: str) -> re.Pattern[str]:
    out, end = "", 0
    for found in _LABEL.finditer(path):
        out += re.escape(path[end : found.start()]) + ("(.+)" if found[2] else "([^/]+)")
        end = found.end()
    rest = path[end:]
    # `/bucket/` is the bucket; behind a greedy label the slash belongs to the key.
    slack = "" if path.endswith("+}") else "/?"
    return re.compile(out + re.escape(rest.rstrip("/") if rest != "/" or out else "") + slack)


class Routes:
    """All operations of a REST service, in the order in which they are tried."""

    def __init__(self, operations: Iterable[OperationModel]) -> None:
        self._routes = sorted(map(route, operations), key=lambda route: route.weight, reverse=True)

    def find(self, request: Request) -> OperationModel | None:
        """The operation a request means, None if it is nobody's."""
        values = query_values(request.query)
        for whole in (True, False):
            for candidate in self._routes:
                if candidate.matches(request, values, whole=whole):
                    return candidate.operation
        return None


class RequestBinding:
    """Reads the members of one operation that stand outside the body."""

    def __init__(self, operation: OperationModel) -> None:
        members = operation.input.members if operation.input else {}
        self.payload = operation.input.definition.payload if operation.input else None
        self.in_body = [n for n, shape in members.items() if shape.location is None and n != self.payload]
        self._path = _pattern(operation.uri.partition("?")[0])
        labels = [found[1] for found in _LABEL.finditer(operation.uri.partition("?")[0])]
        by_label = {shape.location_name or n: (n, shape) for n, shape in members.items() if shape.location == "uri"}
        self._labels = [(by_label[label][0], _query_item(by_label[label][1])) for label in labels]
        self._query = [(n, s) for n, s in members.items() if s.location == "querystring"]
        self._headers = [(n, s) for n, s in members.items() if s.location in {"header", "headers"}]

    def read(self, request: Request) -> dict[str, object]:
        """The members outside the body. Raises: Mismatch, Refused."""
        members: dict[str, object] = {}
        found = self._path.fullmatch(request.path)
        for (name, convert), label in zip(self._labels, found.groups() if found else (), strict=False):
            members[name] = _under(name, convert, _utf8(label))
        if self._query:
            self._read_query(query_values(request.query), members)
        for name, shape in self._headers:
            key = (shape.location_name or "").lower()
            if shape.location == "headers":
                prefixed = {k[len(key) :]: v for k, v in request.headers.items() if k.startswith(key)}
                if prefixed:
                    members[name] = prefixed
            elif key in request.headers:
                members[name] = _under(name, _header_in(shape), request.headers[key])
        return members

    def _read_query(self, values: Mapping[str, list[str]], members: dict[str, object]) -> None:
        claimed = {shape.location_name or name for name, shape in self._query}
        for name, shape in self._query:
            key = shape.location_name or name
            if shape.kind == "map":
                several = shape.value.kind == "list"
                rest = {k: v if several else v[-1] for k, v in values.items() if k not in claimed}
                if rest:
                    members[name] = rest
            elif key in values:
                if shape.kind == "list":
                    convert = _query_item(shape.member)
                    members[name] = [_under(name, convert, value) for value in values[key]]
                else:
                    members[name] = _under(name, _query_item(shape), values[key][-1])


def _under(name: str, convert: Callable[[str], object], value: str) -> object:
    try:
        return convert(value)
    except Mismatch as mismatch:
        raise mismatch.under(name) from None


def _utf8(label: str) -> str:
    try:
        return unquote(label, errors="strict")
    except UnicodeDecodeError:
        raise Mismatch("The path is not UTF-8") from None


def _query_item(shape: Shape) -> Callable[[str], object]:
    return text_in(shape)


def _header_in(shape: Shape) -> Callable[[str], object]:
    if shape.jsonvalue:
        return _json_header
    if shape.kind == "list":
        convert = _header_in(shape.member)
        dates = shape.member.kind == "timestamp" and shape.member.timestamp_format in {None, "rfc822"}
        return lambda value: [convert(item) for item in _header_items(value, dates=dates)]
    return text_in(shape)


def _header_items(value: str, *, dates: bool) -> list[str]:
    if dates:
        # An RFC 822 date has a comma of its own.
        parts = [part.strip() for part in value.split(",")]
        return [", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    items, at = list[str](), 0
    while at < len(value):
        found = _HEADER_ITEM.match(value, at)
        if found is None or found.end() == at:
            raise Mismatch("The header is no list of comma-separated items")
        items.append(found[2].strip() if found[1] is None else found[1].replace('\\"', '"'))
        at = found.end()
    return items


def _json_header(value: str) -> object:
    try:
        return msgspec.json.decode(b64decode(value, validate=True))
    except (ValueError, RecursionError):
        raise Mismatch("The header is not base64 of JSON") from None


class ResponseBinding:
    """Writes the members of one answer that stand outside the body."""

    def __init__(self, shape: Shape | None) -> None:
        self.members = shape.members if shape else {}
        self.payload = shape.definition.payload if shape else None

    def write(self, members: Mapping[str, object], status: int) -> tuple[int, dict[str, str], dict[str, object]]:
        """(status, headers, members for the body)."""
        headers: dict[str, str] = {}
        body: dict[str, object] = {}
        for name, value in members.items():
            shape = self.members[name]
            if value is None:
                continue
            match shape.location:
                case "statusCode" if isinstance(value, int):
                    status = value
                case "header":
                    headers[(shape.location_name or name).lower()] = _header_out(shape)(value)
                case "headers" if isinstance(value, Mapping):
                    headers |= {f"{shape.location_name}{key}".lower(): str(item) for key, item in value.items()}
                case _:
                    body[name] = value
        return status, headers, body


def _header_out(shape: Shape) -> Callable[[object], str]:
    if shape.jsonvalue:
        return lambda value: b64encode(msgspec.json.encode(value)).decode()
    if shape.kind == "list":
        convert = _header_out(shape.member)
        return lambda value: ",".join(map(_quoted, map(convert, listed(value))))
    return text_out(shape, scalars.rfc822)


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '\\"') + '"' if "," in item or '"' in item else item


def raw_payload(shape: Shape, request: Request) -> object:
    """The value of a payload member that is the whole body. Raises: Mismatch: it is to be text and is not UTF-8."""
    if shape.kind == "blob":
        return request.body if request.spooled is None else request.spooled
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise Mismatch("The request's body is not UTF-8") from None


def is_raw(shape: Shape) -> bool:
    """Whether a payload member is the whole body as it stands."""
    return shape.kind in {"blob", "string"} and not shape.document


def raw_body(value: object) -> bytes:
    """The body that a raw payload member makes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"A body of bytes is wanted, but the answer holds a {type(value).__name__}.")


def read_body(convert: Conversion, value: object) -> dict[str, object]:
    """The members that a structure in the body gives."""
    members = convert(value)
    assert isinstance(members, dict)
    return members
