"""The query protocol: a form in (`MetricData.member.1.MetricName=…`), XML out.

Reading is linear in the number of parameters: all of them become one tree in a single pass, and the shape walks it.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel, ServiceModel, Shape
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.trees import Conversion
from watchpost.fronts.aws.wire import Fault, Mismatch, Request, Response
from watchpost.fronts.aws.xml import ElementWriter, XmlWriter, escaped, text_in

MALFORMED = "MalformedQueryString"
# A request of 1000 metrics with 30 dimensions each has 70,000; a body of the largest size could hold millions.
_PARAMETERS = 200_000
_DEPTH = 32


def pairs(form: bytes) -> Iterator[tuple[str, str]]:
    """The parameters of a form. Raises: Refused: too many of them, or a text that is not UTF-8."""
    if form.count(b"&") >= _PARAMETERS:
        raise Refused(MALFORMED, f"The request has more than {_PARAMETERS} parameters")
    try:
        for pair in form.replace(b"+", b" ").decode("utf-8").split("&"):
            if pair:
                key, _, value = pair.partition("=")
                yield (_unquoted(key) if "%" in key else key), (_unquoted(value) if "%" in value else value)
    except UnicodeDecodeError:
        raise Refused(MALFORMED, "The request's parameters are not UTF-8") from None


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8")


def parameters(request: Request) -> dict[str, str]:
    """All parameters, of the URL and of the body. Raises: Refused: one is given twice, or see `pairs`."""
    form = b"&".join(part for part in (request.query.encode(), request.body) if part)
    found: dict[str, str] = {}
    count = 0
    for key, value in pairs(form):
        found[key] = value
        count += 1
    if len(found) != count:
        raise Refused(MALFORMED, "A parameter is given more than once")
    return found


def tree(found: Mapping[str, str]) -> dict[str, object]:
    """The parameters as nested dicts by the dots in their names. Raises: Refused: `a=1&a.b=2`, or too many dots."""
    root: dict[str, object] = {}
    for key, value in found.items():
        parts = key.split(".")
        if len(parts) > _DEPTH:
            raise Refused(MALFORMED, f"The parameter {key[:64]!r} is nested more than {_DEPTH} levels deep")
        node = root
        for part in parts[:-1]:
            inner = node.setdefault(part, {})
            if type(inner) is not dict:
                raise Refused(MALFORMED, f"The parameter {key[:64]!r} clashes with a shorter one")
            node = inner
        if parts[-1] in node:
            raise Refused(MALFORMED, f"The parameter {key[:64]!r} clashes with a longer one")
        node[parts[-1]] = value
    return root


class _FormReader:
    """Compiles shapes into functions from a node of the tree to the operation's input."""

    def __init__(self) -> None:
        self._structures: dict[str, Conversion] = {}

    def of(self, shape: Shape) -> Conversion:
        match shape.kind:
            case "structure":
                return self._structures.get(shape.name) or self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _leaf(shape)

    def _structure(self, shape: Shape) -> Conversion:
        fields: dict[str, tuple[str, Conversion]] = {}

        def read(node: object) -> object:
            members: dict[str, object] = {}
            name = ""
            try:
                for key, inner in _inside(node).items():
                    field = fields.get(key)
                    if field is not None:
                        name, convert = field
                        members[name] = convert(inner)
            except Mismatch as mismatch:
                raise mismatch.under(name) from None
            return members

        self._structures[shape.name] = read
        for name, member in shape.members.items():
            fields[_called(name, member)] = (name, self.of(member))
        return read

    def _list(self, shape: Shape) -> Conversion:
        convert = self.of(shape.member)
        level = None if shape.flattened else shape.member.location_name or "member"

        def read(node: object) -> object:
            inside = _inside(node)
            if level is not None:
                inside = _inside(inside.get(level, ""))
            items: list[object] = []
            try:
                for _, inner in _ordered(inside):
                    items.append(convert(inner))
            except Mismatch as mismatch:
                raise mismatch.under("member").under(str(len(items) + 1)) from None
            return items

        return read

    def _map(self, shape: Shape) -> Conversion:
        convert_key, convert = self.of(shape.key), self.of(shape.value)
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"

        def read(node: object) -> object:
            inside = _inside(node)
            if not shape.flattened:
                inside = _inside(inside.get("entry", ""))
            entries: dict[object, object] = {}
            for index, inner in _ordered(inside):
                entry = _inside(inner)
                if key_name not in entry:
                    raise Mismatch(f"Entry {index} has no {key_name!r}")
                try:
                    entries[convert_key(entry[key_name])] = convert(entry.get(value_name, ""))
                except Mismatch as mismatch:
                    raise mismatch.under(str(index)) from None
            return entries

        return read


def _called(name: str, shape: Shape) -> str:
    # A flattened list carries its items' name in place of its own.
    if shape.flattened and shape.kind == "list" and shape.member.location_name:
        return shape.member.location_name
    return shape.location_name or name


def _leaf(shape: Shape) -> Conversion:
    convert = text_in(shape)

    def read(node: object) -> object:
        if type(node) is not str:
            raise Mismatch("A parameter with parts can not be converted to a single value")
        return convert(node)

    return read


def _inside(node: object) -> dict[str, object]:
    if type(node) is dict:
        return node
    if node == "":
        # An empty list or structure is sent as `Name=`.
        return {}
    raise Mismatch("A single value can not be converted to a list, map or structure")


def _ordered(inside: Mapping[str, object]) -> list[tuple[int, object]]:
    items: dict[int, object] = {}
    for key, inner in inside.items():
        if not (key.isascii() and key.isdigit() and len(key) <= 9) or key == "0":
            raise Mismatch(f"The list index {key[:20]!r} is not a whole number from 1 on")
        items[int(key)] = inner
    if len(items) != len(inside):
        raise Mismatch("A list index is given more than once")
    return sorted(items.items(), key=lambda item: item[0])


class Query:
    """The query protocol for one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._service, self._reader, self._writer = service, _FormReader(), XmlWriter()
        self._reads = Once[str, Conversion]()
        self._writes = Once[str, ElementWriter]()
        self._xmlns = f' xmlns="{escaped(service.xml_namespace)}"' if service.xml_namespace else ""

    def parse(self, operation: OperationModel, request: Request) -> dict[str, object]:
        """See `Wire.parse`."""
        root = tree(parameters(request))
        shape = operation.input
        if shape is None:
            return {}
        try:
            members = self._reads.get(shape.name, lambda: self._reader.of(shape))(root)
        except Mismatch as mismatch:
            raise mismatch.refused("MalformedInput") from None
        assert isinstance(members, dict)
        return members

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """See `Wire.answer`."""
        out = [f"<{operation.name}Response{self._xmlns}>"]
        if operation.output is not None:
            self._writing(operation.output)(operation.result_wrapper, members, out)
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{operation.name}Response>")
        return Response(200, _headers(request_id), "".join(out).encode())

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:  # noqa: ARG002  the same for all
        """See `Wire.refuse`."""
        out = [f"<ErrorResponse{self._xmlns}><Error><Type>{'Sender' if fault.sender else 'Receiver'}</Type>"]
        out.append(f"<Code>{escaped(fault.code)}</Code><Message>{escaped(fault.message)}</Message>")
        if fault.shape is not None:
            fields: list[str] = []
            self._writing(fault.shape)("Members", fault.members, fields)
            out += fields[1:-1]
        out.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
        return Response(fault.status, _headers(request_id), "".join(out).encode())

    def _writing(self, shape: Shape) -> ElementWriter:
        return self._writes.get(shape.name, lambda: self._writer.of(shape))


def _headers(request_id: str) -> dict[str, str]:
    return {"content-type": "text/xml", "x-amzn-requestid": request_id}
