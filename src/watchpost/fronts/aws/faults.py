"""From a refusal to the error a client's SDK raises: shape, code, status (contracts of each protocol differ)."""

from dataclasses import dataclass

from watchpost.errors import Refused
from watchpost.fronts.aws.model import ServiceModel
from watchpost.fronts.aws.wire import Fault


@dataclass(frozen=True, slots=True)
class _Common:
    """An error every service may answer though no model names it: in JSON and CBOR, in query and XML, HTTP status."""

    kind: str
    code: str
    status: int


_COMMON = (
    _Common("ValidationException", "ValidationError", 400),
    _Common("SerializationException", "MalformedInput", 400),
    _Common("SerializationException", "MalformedQueryString", 400),
    _Common("UnknownOperationException", "InvalidAction", 404),
    _Common("UnrecognizedClientException", "InvalidClientTokenId", 403),
    _Common("SignatureDoesNotMatch", "SignatureDoesNotMatch", 403),
    _Common("RequestTimeTooSkewed", "RequestTimeTooSkewed", 403),
    _Common("MissingAuthenticationToken", "MissingAuthenticationToken", 403),
    _Common("IncompleteSignature", "IncompleteSignature", 400),
    _Common("RequestExpired", "RequestExpired", 400),
    _Common("XAmzContentSHA256Mismatch", "XAmzContentSHA256Mismatch", 400),
    _Common("ThrottlingException", "Throttling", 400),
    _Common("AccessDeniedException", "AccessDenied", 403),
    _Common("RequestEntityTooLarge", "RequestEntityTooLarge", 413),
    _Common("RequestTimeout", "RequestTimeout", 408),
    # 501 is the one status of its kind that no AWS SDK tries again (they repeat 500, 502, 503 and 504).
    _Common("NotImplemented", "NotImplemented", 501),
    # S3's, beside those its model has.
    _Common("NotModified", "NotModified", 304),
    _Common("NoSuchLifecycleConfiguration", "NoSuchLifecycleConfiguration", 404),
    _Common("MethodNotAllowed", "MethodNotAllowed", 405),
    _Common("BucketNotEmpty", "BucketNotEmpty", 409),
    _Common("OperationAborted", "OperationAborted", 409),
    _Common("MissingContentLength", "MissingContentLength", 411),
    _Common("PreconditionFailed", "PreconditionFailed", 412),
    _Common("InvalidRange", "InvalidRange", 416),
    _Common("NoSuchService", "NoSuchService", 404),
    _Common("InternalFailure", "InternalFailure", 500),
    _Common("ServiceUnavailable", "ServiceUnavailable", 503),
)
_BY_NAME = {word: common for common in reversed(_COMMON) for word in (common.kind, common.code)}


def fault(refused: Refused, service: ServiceModel | None) -> Fault:
    """The error to answer with: the service's own shape of that name or code, else a common one, else as it is."""
    own = service.faults.get(refused.fault) if service else None
    if own is not None:
        return Fault(
            own.shape.name, own.code, own.status, own.sender, refused.message, own.shape, dict(refused.members)
        )
    common = _BY_NAME.get(refused.fault, _Common(refused.fault, refused.fault, 400))
    status = 400 if common.code == "InvalidAction" and service and service.protocols == {"query"} else common.status
    return Fault(common.kind, common.code, status, status < 500 or status == 501, refused.message)


def internal(service: ServiceModel | None) -> Refused:
    """The refusal for our own failure; it says nothing about the inside, the log does, under the request id."""
    message = "The request processing has failed because of an internal error; the server's log tells the cause."
    for name, own in (service.faults if service else {}).items():
        if own.status == 500 and own.shape.name.startswith("Internal"):
            return Refused(name, message)
    return Refused("InternalFailure", message)
