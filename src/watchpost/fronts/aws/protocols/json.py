"""awsJson 1.0 and 1.1: everything is `POST /`, the operation stands in `X-Amz-Target`, the body is a JSON object."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from watchpost.errors import Refused
from watchpost.fronts.aws import scalars
from watchpost.fronts.aws.model import OperationModel, ServiceModel, Shape
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.trees import Conversion, Dialect, Reader, Writer
from watchpost.fronts.aws.wire import Fault, Mismatch, Request, Response

MALFORMED = "SerializationException"


def constant(convert: Conversion) -> Callable[[Shape], Conversion]:
    """For a kind of value that every shape converts alike."""
    return lambda _: convert


def called(name: str, shape: Shape) -> str:
    """What a member is called in JSON."""
    return shape.location_name or name


def _instants_out(shape: Shape) -> Conversion:
    return scalars.instant_as(shape.timestamp_format, scalars.epoch)


DIALECT = Dialect(
    key=called,
    readers={
        "string": constant(scalars.text),
        "character": constant(scalars.text),
        "boolean": constant(scalars.flag),
        "float": constant(scalars.number),
        "double": constant(scalars.number),
        "timestamp": constant(scalars.instant),
        "blob": constant(scalars.bytes_from_text),
        **{kind: constant(scalars.whole(kind)) for kind in ("integer", "long", "short", "byte")},
    },
    writers={
        "float": constant(scalars.number_out),
        "double": constant(scalars.number_out),
        "timestamp": _instants_out,
        "blob": constant(scalars.bytes_out),
    },
)


def decoded(body: bytes) -> object:
    """The value of a JSON text; nothing at all is an empty object. Raises: Refused: it is no JSON."""
    if not body:
        return {}
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Refused(MALFORMED, f"The request's body is not JSON: {problem}") from problem
    except RecursionError:
        raise Refused(MALFORMED, "The request's body is nested too deep") from None


def read(convert: Conversion, value: object) -> dict[str, object]:
    """The members of a structure. Raises: Refused: a value is not of the type the model says."""
    try:
        members = convert(value)
    except Mismatch as mismatch:
        raise mismatch.refused(MALFORMED) from None
    except RecursionError:
        raise Refused(MALFORMED, "The request's body is nested too deep") from None
    assert isinstance(members, dict)
    return members


class Codec:
    """The functions between trees and members, made once for each operation or error."""

    def __init__(self, dialect: Dialect) -> None:
        self._reader, self._writer = Reader(dialect), Writer(dialect)
        self._reads = Once[str, Conversion]()
        self._writes = Once[str, Conversion]()

    def reading(self, shape: Shape) -> Conversion:
        """From the tree of a shape to members."""
        return self._reads.get(shape.name, lambda: self._reader.of(shape))

    def reading_body(self, operation: OperationModel, shape: Shape, names: Sequence[str]) -> Conversion:
        """From a tree that holds only the members `names` of an operation's input."""
        return self._reads.get(f"{operation.name} body", lambda: self._reader.fields(shape, names))

    def writing(self, shape: Shape) -> Conversion:
        """From members to the tree of a shape."""
        return self._writes.get(shape.name, lambda: self._writer.of(shape))


def error_tree(fault: Fault, codec: Codec) -> dict[str, object]:
    """The members of an error in the tree, its message under the name its shape gives it."""
    if fault.shape is None:
        return {"message": fault.message}
    name = next((name for name in fault.shape.members if name.lower() == "message"), None)
    tree = codec.writing(fault.shape)({**fault.members, **({name: fault.message} if name else {})})
    assert isinstance(tree, dict)
    return tree if name else {"message": fault.message, **tree}


def query_error(fault: Fault, request: Request) -> dict[str, str]:
    """The header by which a client that came from the query protocol learns the code it knew there."""
    if request.headers.get("x-amzn-query-mode", "").lower() != "true":
        return {}
    return {"x-amzn-query-error": f"{fault.code};{'Sender' if fault.sender else 'Receiver'}"}


def error_status(fault: Fault, service: ServiceModel, request: Request) -> int:
    """The modelled status; but what CloudWatch answers to a client that does not ask for query's ways is always 400."""
    plain = service.query_compatible and not query_error(fault, request) and fault.shape is not None
    return 400 if plain and fault.status < 500 else fault.status


class Json:
    """awsJson for one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._service, self._codec = service, Codec(DIALECT)
        self._type = f"application/x-amz-json-{service.json_version}"

    def parse(self, operation: OperationModel, request: Request) -> dict[str, object]:
        """See `Wire.parse`."""
        value = decoded(request.body)
        return {} if operation.input is None else read(self._codec.reading(operation.input), value)

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """See `Wire.answer`."""
        headers = {"content-type": self._type, "x-amzn-requestid": request_id}
        if operation.output is None:
            return Response(200, headers)
        return Response(200, headers, msgspec.json.encode(self._codec.writing(operation.output)(members)))

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:
        """See `Wire.refuse`."""
        kind = f"{namespace(self._service, fault)}{fault.kind}"
        body = msgspec.json.encode({"__type": kind, **error_tree(fault, self._codec)})
        headers = {"content-type": self._type, "x-amzn-requestid": request_id}
        if self._service.query_compatible:
            headers |= query_error(fault, request)
        return Response(error_status(fault, self._service, request), headers, body)


def namespace(service: ServiceModel, fault: Fault) -> str:
    """What stands before an error's name in `__type` (`com.amazonaws.cloudwatch.v2010_08_01#`)."""
    if fault.kind == "ValidationException" and service.query_compatible:
        return "com.amazon.coral.validate#"
    if fault.shape is None:
        return "com.amazon.coral.service#"
    return f"com.amazonaws.{service.name.replace('-', '')}.v{service.api_version.replace('-', '_')}#"
