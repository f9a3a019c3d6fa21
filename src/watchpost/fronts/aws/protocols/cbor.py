"""rpc-v2-cbor: the operation stands in the path, the body is one CBOR map, instants are tag 1.

Of CBOR's tags only 1 is taken: the others build objects nobody here asked for, and shared references make bombs.
"""

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO

import cbor2

from watchpost.errors import Refused
from watchpost.fronts.aws import scalars
from watchpost.fronts.aws.model import OperationModel, ServiceModel, Shape
from watchpost.fronts.aws.protocols import json
from watchpost.fronts.aws.trees import Dialect
from watchpost.fronts.aws.wire import Fault, Mismatch, Request, Response

_DEPTH = 100
# Every tag cbor2 would act on by itself.
_BUILDING_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def _blob(value: object) -> bytes:
    if type(value) is not bytes:
        raise scalars.unfit(value, "Blob")
    return value


def _instant(value: object) -> datetime:
    if type(value) is not cbor2.CBORTag:
        raise Mismatch(f"{scalars.token(value)} can not be converted to a Timestamp, expected tag 1")
    return scalars.instant(value.value)


def _instant_out(value: object) -> cbor2.CBORTag:
    return cbor2.CBORTag(1, scalars.epoch(value))


def _number_out(value: object) -> float:
    return float(value)  # type: ignore[arg-type]  # whatever is a number to numpy or Decimal is one here


def _blob_out(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]  # bytes() itself says what it cannot take


def _called(name: str, _: Shape) -> str:
    return name


DIALECT = Dialect(
    key=_called,
    readers={**json.DIALECT.readers, "timestamp": json.constant(_instant), "blob": json.constant(_blob)},
    writers={
        "float": json.constant(_number_out),
        "double": json.constant(_number_out),
        "timestamp": json.constant(_instant_out),
        "blob": json.constant(_blob_out),
    },
)


def _refuse_tag(value: object, _: bool) -> object:
    del value
    raise ValueError("only tag 1 (epoch seconds) is used in this protocol")


def _keep_instant(value: object, _: bool) -> cbor2.CBORTag:
    return cbor2.CBORTag(1, value)


_TAGS: Mapping[int, "cbor2.SemanticDecoderCallback"] = {
    **dict.fromkeys(_BUILDING_TAGS, _refuse_tag),
    1: _keep_instant,
}


def decoded(body: bytes) -> object:
    """The value of one CBOR item; nothing at all is an empty map. Raises: Refused: it is no CBOR, or too deep."""
    if not body:
        return {}
    stream = BytesIO(body)
    try:
        value = cbor2.CBORDecoder(
            stream,
            tag_hook=_refuse_tag,
            semantic_decoders=_TAGS,
            max_depth=_DEPTH,
            strict_hashable_types=True,
            allow_duplicate_keys=False,
        ).decode()
    except (cbor2.CBORDecodeError, ValueError, OverflowError, MemoryError, RecursionError) as problem:
        raise Refused(json.MALFORMED, f"The request's body is not CBOR as this protocol takes it: {problem}") from None
    if stream.tell() != len(body):
        raise Refused(json.MALFORMED, "The request's body goes on behind its CBOR map")
    return value


class Cbor:
    """rpc-v2-cbor for one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._service, self._codec = service, json.Codec(DIALECT)

    def parse(self, operation: OperationModel, request: Request) -> dict[str, object]:
        """See `Wire.parse`."""
        value = decoded(request.body)
        return {} if operation.input is None else json.read(self._codec.reading(operation.input), value)

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """See `Wire.answer`."""
        tree = {} if operation.output is None else self._codec.writing(operation.output)(members)
        return Response(200, _headers(request_id), cbor2.dumps(tree))

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:
        """See `Wire.refuse`."""
        kind = f"{json.namespace(self._service, fault)}{fault.kind}"
        body = cbor2.dumps({"__type": kind, **json.error_tree(fault, self._codec)})
        headers = _headers(request_id)
        if self._service.query_compatible:
            headers |= json.query_error(fault, request)
        return Response(json.error_status(fault, self._service, request), headers, body)


def _headers(request_id: str) -> dict[str, str]:
    return {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-requestid": request_id}
