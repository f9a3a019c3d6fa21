"""XML out and in by the model, for the query protocol's answers and for rest-xml."""

import re
from collections.abc import Callable, Iterable, Mapping
from xml.etree.ElementTree import Element, ParseError

from watchpost.errors import Refused
from watchpost.fronts.aws import scalars
from watchpost.fronts.aws.model import Shape
from watchpost.fronts.aws.trees import Conversion, listed
from watchpost.fronts.aws.wire import Mismatch

# Appends the element `tag` with a value to the pieces of a document.
ElementWriter = Callable[[str, object, list[str]], None]

_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"}


def escaped(text: str) -> str:
    """Text for between tags or in an attribute; what XML 1.0 cannot carry becomes U+FFFD."""
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found.group(), "\ufffd"), text)


class XmlWriter:
    """Compiles shapes into functions that write elements; members that are None stay away."""

    def __init__(self) -> None:
        self._structures: dict[str, ElementWriter] = {}

    def of(self, shape: Shape) -> ElementWriter:
        """The function for a shape."""
        match shape.kind:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _leaf(shape)

    def _structure(self, shape: Shape) -> ElementWriter:
        key = f"{shape.name} {shape.xmlns}"
        known = self._structures.get(key)
        if known:
            return known
        attributes: dict[str, str] = {}
        fields: dict[str, tuple[str, ElementWriter]] = {}
        opening = f' {shape.xmlns[0]}="{escaped(shape.xmlns[1])}"' if shape.xmlns else ""

        def write(tag: str, value: object, out: list[str]) -> None:
            if not isinstance(value, Mapping):
                raise TypeError(f"{shape.name} is a structure, but the answer holds a {type(value).__name__}.")
            own = "".join(f' {attributes[n]}="{escaped(str(v))}"' for n, v in value.items() if n in attributes)
            out.append(f"<{tag}{opening}{own}>")
            for name, item in value.items():
                if item is not None and name not in attributes:
                    inner, element = fields[name]
                    element(inner, item, out)
            out.append(f"</{tag}>")

        self._structures[key] = write
        for name, member in shape.members.items():
            if member.xml_attribute:
                attributes[name] = member.location_name or name
            else:
                fields[name] = (member.location_name or name, self.of(member))
        return write

    def _list(self, shape: Shape) -> ElementWriter:
        element, inner = self.of(shape.member), shape.member.location_name
        if shape.flattened:

            def write_flat(tag: str, value: object, out: list[str]) -> None:
                for item in listed(value):
                    element(inner or tag, item, out)

            return write_flat

        def write(tag: str, value: object, out: list[str]) -> None:
            out.append(f"<{tag}>")
            for item in listed(value):
                element(inner or "member", item, out)
            out.append(f"</{tag}>")

        return write

    def _map(self, shape: Shape) -> ElementWriter:
        write_key, write_value = self.of(shape.key), self.of(shape.value)
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"

        def write(tag: str, value: object, out: list[str]) -> None:
            if not isinstance(value, Mapping):
                raise TypeError(f"{shape.name} is a map, but the answer holds a {type(value).__name__}.")
            entry = tag if shape.flattened else "entry"
            if not shape.flattened:
                out.append(f"<{tag}>")
            for key, item in value.items():
                out.append(f"<{entry}>")
                write_key(key_name, key, out)
                write_value(value_name, item, out)
                out.append(f"</{entry}>")
            if not shape.flattened:
                out.append(f"</{tag}>")

        return write


def _leaf(shape: Shape) -> ElementWriter:
    convert = text_out(shape, scalars.iso8601)

    def write(tag: str, value: object, out: list[str]) -> None:
        out.append(f"<{tag}>{escaped(convert(value))}</{tag}>")

    return write


def text_out(shape: Shape, instants: Callable[[object], str]) -> Callable[[object], str]:
    """How a single value is written as text; `instants` where the model names no format."""
    match shape.kind:
        case "boolean":
            return lambda value: "true" if value else "false"
        case "timestamp":
            write = scalars.instant_as(shape.timestamp_format, instants)
            return lambda value: str(write(value))
        case "blob":
            return scalars.bytes_out
        case "float" | "double":
            return lambda value: str(scalars.number_out(value))
        case _:
            return str


def text_in(shape: Shape) -> Callable[[str], object]:
    """How a single value written as text is read."""
    match shape.kind:
        case "string" | "character":
            return str
        case "boolean":
            return scalars.flag_from_text
        case "timestamp":
            return scalars.instant_from_text
        case "blob":
            return scalars.bytes_from_text
        case "float" | "double":
            return scalars.number_from_text
        case kind:
            return scalars.whole_from_text(kind)


def parsed(body: bytes) -> Element | None:
    """The root element of a document, None of an empty one. Raises: Refused: it is no XML, or declares entities."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if not body.strip():
        return None
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise Refused("MalformedXML", f"The XML you provided was not well-formed: {problem}") from None
    return root


class XmlReader:
    """Compiles shapes into functions from an element (of a flattened list or map: a list of them) to the input."""

    def __init__(self) -> None:
        self._structures: dict[str, Conversion] = {}

    def of(self, shape: Shape) -> Conversion:
        """The function for a shape. It raises Mismatch where a value is not of the shape's type."""
        match shape.kind:
            case "structure":
                return self._structures.get(shape.name) or self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                convert = text_in(shape)
                return lambda node: convert(_element(node).text or "")

    def fields(self, shape: Shape, names: Iterable[str]) -> Conversion:
        """The function for a structure of which only the members `names` are in the document."""
        fields: dict[str, tuple[str, Conversion, bool]] = {}
        attributes: dict[str, str] = {}
        for name in names:
            member = shape.members[name]
            called = member.location_name or name
            if member.xml_attribute:
                attributes[called.rpartition(":")[2]] = name
            else:
                fields[called] = (name, self.of(member), member.flattened)
        return _structure_reader(fields, attributes)

    def _structure(self, shape: Shape) -> Conversion:
        # A shape may hold itself: what it holds is compiled when it is first read.
        compiled: list[Conversion] = []

        def read(node: object) -> object:
            if not compiled:
                compiled.append(self.fields(shape, shape.members))
            return compiled[0](node)

        self._structures[shape.name] = read
        return read

    def _list(self, shape: Shape) -> Conversion:
        convert = self.of(shape.member)
        inner = shape.member.location_name or "member"

        def read(node: object) -> object:
            nodes = node if isinstance(node, list) else [child for child in _element(node) if _local(child) == inner]
            return [convert(item) for item in nodes]

        return read

    def _map(self, shape: Shape) -> Conversion:
        convert_key, convert = self.of(shape.key), self.of(shape.value)
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"

        def read(node: object) -> object:
            nodes = node if isinstance(node, list) else [child for child in _element(node) if _local(child) == "entry"]
            entries: dict[object, object] = {}
            for entry in nodes:
                parts = {_local(child): child for child in entry}
                if key_name not in parts or value_name not in parts:
                    raise Mismatch(f"An entry without {key_name!r} or {value_name!r} can not be converted to a map")
                entries[convert_key(parts[key_name])] = convert(parts[value_name])
            return entries

        return read


def _structure_reader(fields: Mapping[str, tuple[str, Conversion, bool]], attributes: Mapping[str, str]) -> Conversion:
    def read(node: object) -> object:
        found: dict[str, list[Element]] = {}
        for child in _element(node):
            found.setdefault(_local(child), []).append(child)
        members: dict[str, object] = {
            attributes[key.rpartition("}")[2]]: text
            for key, text in _element(node).attrib.items()
            if key.rpartition("}")[2] in attributes
        }
        for called, nodes in found.items():
            field = fields.get(called)
            if field is None:
                continue
            name, convert, flattened = field
            try:
                members[name] = convert(nodes if flattened else nodes[0])
            except Mismatch as mismatch:
                raise mismatch.under(name) from None
        return members

    return read


def _element(node: object) -> Element:
    if not isinstance(node, Element):
        raise Mismatch("A repeated element can not be converted to a single value")
    return node


def _local(node: Element) -> str:
    return node.tag.rpartition("}")[2]
