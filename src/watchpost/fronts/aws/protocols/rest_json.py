"""rest-json: members stand in the path, the query, headers and a JSON body, as the model says of each."""

from collections.abc import Mapping

import msgspec

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel, ServiceModel
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.protocols import json
from watchpost.fronts.aws.rest import RequestBinding, ResponseBinding, is_raw, raw_body, raw_payload, read_body
from watchpost.fronts.aws.wire import Fault, Mismatch, Request, Response


class RestJson:
    """rest-json for one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._service, self._codec = service, json.Codec(json.DIALECT)
        self._requests = Once[str, RequestBinding]()

    def parse(self, operation: OperationModel, request: Request) -> dict[str, object]:
        """See `Wire.parse`."""
        if operation.input is None:
            return {}
        binding = self._requests.get(operation.name, lambda: RequestBinding(operation))
        try:
            members = binding.read(request)
            payload = operation.input.members[binding.payload] if binding.payload else None
            if payload is not None and is_raw(payload):
                members[binding.payload or ""] = raw_payload(payload, request)
            elif payload is not None and request.body:
                members[binding.payload or ""] = self._codec.reading(payload)(json.decoded(request.body))
            elif binding.in_body:
                convert = self._codec.reading_body(operation, operation.input, binding.in_body)
                members |= read_body(convert, json.decoded(request.body))
        except Mismatch as mismatch:
            raise mismatch.refused(json.MALFORMED) from None
        except RecursionError:
            raise Refused(json.MALFORMED, "The request's body is nested too deep") from None
        return members

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """See `Wire.answer`."""
        binding = ResponseBinding(operation.output)
        status, headers, inner = binding.write(members, operation.status)
        headers = {"x-amzn-requestid": request_id, **headers}
        if operation.output is None:
            return Response(status, headers)
        if binding.payload is None:
            tree = self._codec.writing(operation.output)(inner)
            return Response(status, {"content-type": "application/json", **headers}, msgspec.json.encode(tree))
        shape, value = operation.output.members[binding.payload], inner.get(binding.payload)
        if value is None:
            return Response(status, headers)
        if is_raw(shape):
            return Response(status, {"content-type": "application/octet-stream", **headers}, raw_body(value))
        body = msgspec.json.encode(self._codec.writing(shape)(value))
        return Response(status, {"content-type": "application/json", **headers}, body)

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:  # noqa: ARG002  the same for all
        """See `Wire.refuse`."""
        headers = {
            "content-type": "application/json",
            "x-amzn-errortype": fault.code,
            "x-amzn-requestid": request_id,
        }
        return Response(fault.status, headers, msgspec.json.encode(json.error_tree(fault, self._codec)))
