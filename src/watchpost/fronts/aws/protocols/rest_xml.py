"""rest-xml, S3's: members stand in the path, the query, headers and an XML body, as the model says of each."""

from collections.abc import Mapping, Sequence

from watchpost.errors import Refused
from watchpost.fronts.aws.model import OperationModel, ServiceModel, Shape
from watchpost.fronts.aws.once import Once
from watchpost.fronts.aws.rest import RequestBinding, ResponseBinding, is_raw, raw_body, raw_payload, read_body
from watchpost.fronts.aws.trees import Conversion
from watchpost.fronts.aws.wire import Fault, Mismatch, Request, Response, Stream
from watchpost.fronts.aws.xml import ElementWriter, XmlReader, XmlWriter, escaped, parsed

# S3's own words for what is called otherwise elsewhere.
_S3_CODES = {"InvalidClientTokenId": "InvalidAccessKeyId", "RequestExpired": "AccessDenied"}
# What S3 calls its answers, where the model does not say.
_ROOTS = {
    "BucketLocationConstraint": "LocationConstraint",
    "CompleteMultipartUploadOutput": "CompleteMultipartUploadResult",
    "CreateMultipartUploadOutput": "InitiateMultipartUploadResult",
    "DeleteObjectsOutput": "DeleteResult",
    "GetBucketVersioningOutput": "VersioningConfiguration",
    "GetObjectAttributesOutput": "GetObjectAttributesResponse",
    "GetObjectTaggingOutput": "Tagging",
    "ListBucketsOutput": "ListAllMyBucketsResult",
    "ListMultipartUploadsOutput": "ListMultipartUploadsResult",
    "ListObjectsOutput": "ListBucketResult",
    "ListObjectsV2Output": "ListBucketResult",
    "ListPartsOutput": "ListPartsResult",
}
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class RestXml:
    """rest-xml for one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._service, self._reader, self._writer = service, XmlReader(), XmlWriter()
        self._requests = Once[str, RequestBinding]()
        self._reads = Once[str, Conversion]()
        self._writes = Once[str, ElementWriter]()

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
                return members
            root = parsed(request.body) if payload is not None or binding.in_body else None
            if root is not None and payload is not None:
                members[binding.payload or ""] = self._reading(payload)(root)
            elif root is not None:
                members |= read_body(self._reading_body(operation, operation.input, binding.in_body), root)
        except Mismatch as mismatch:
            raise mismatch.refused("MalformedXML") from None
        except RecursionError:
            raise Refused("MalformedXML", "The request's body is nested too deep") from None
        return members

    def answer(self, operation: OperationModel, members: Mapping[str, object], request_id: str) -> Response:
        """See `Wire.answer`."""
        binding = ResponseBinding(operation.output)
        status, headers, inner = binding.write(members, operation.status)
        if "content-range" in headers:
            # The model has no word for it: part of an object is its own kind of success.
            status = 206
        headers = {"x-amz-request-id": request_id, "x-amz-id-2": request_id, **headers}
        if operation.output is None:
            return Response(status, headers)
        if binding.payload is not None:
            shape = operation.output.members[binding.payload]
            return self._payload(status, headers, shape, inner.get(binding.payload))
        if operation.name == "GetBucketLocation":
            # The one answer without a structure around its member.
            shape = operation.output.members["LocationConstraint"]
            return self._xml(status, headers, shape, inner.get("LocationConstraint", ""))
        if any(shape.location is None for shape in operation.output.members.values()):
            return self._xml(status, headers, operation.output, inner)
        return Response(status, headers)

    def _payload(self, status: int, headers: Mapping[str, str], shape: Shape, value: object) -> Response:
        if value is None:
            return Response(status, headers)
        if isinstance(value, Stream):
            return Response(status, {"content-type": "binary/octet-stream", **headers}, stream=value)
        if is_raw(shape):
            return Response(status, {"content-type": "binary/octet-stream", **headers}, raw_body(value))
        return self._xml(status, headers, shape, value)

    def refuse(self, fault: Fault, request: Request, request_id: str) -> Response:
        """See `Wire.refuse`."""
        headers = {"content-type": "application/xml", "x-amz-request-id": request_id, "x-amz-id-2": request_id}
        if request.method == "HEAD" or fault.status == 304:
            return Response(fault.status, headers)
        fields: list[str] = []
        if fault.shape is not None:
            self._writing(fault.shape)("Members", fault.members, fields)
        code = _S3_CODES.get(fault.code, fault.code)
        body = "".join(
            [
                f"{_DECLARATION}<Error><Code>{escaped(code)}</Code><Message>{escaped(fault.message)}</Message>",
                *fields[1:-1],
                f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>",
            ]
        )
        return Response(fault.status, headers, body.encode())

    def _xml(self, status: int, headers: Mapping[str, str], shape: Shape, value: object) -> Response:
        out = [_DECLARATION]
        root = _ROOTS.get(shape.name, shape.location_name or shape.name)
        self._writing(shape)(root, value, out)
        return Response(status, {"content-type": "application/xml", **headers}, "".join(out).encode())

    def _reading(self, shape: Shape) -> Conversion:
        return self._reads.get(shape.name, lambda: self._reader.of(shape))

    def _reading_body(self, operation: OperationModel, shape: Shape, names: Sequence[str]) -> Conversion:
        return self._reads.get(f"{operation.name} body", lambda: self._reader.fields(shape, names))

    def _writing(self, shape: Shape) -> ElementWriter:
        return self._writes.get(f"{shape.name} {shape.xmlns}", lambda: self._writer.of(shape))
