"""What of an endpoint's traffic is captured, and within which bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchpost.capture.fields import Field
from watchpost.capture.sampling import Sampling
from watchpost.errors import Misconfigured

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """The settings of one writer.

    sampling: which calls. input, output: which sides (the modes of the contract, 1.4).
    csv_content_types, json_content_types: media types written as text; any other is BASE64 (contract 1.3).
    input_columns, output_columns: names of CSV cells, in order, for fields that are called by name.
    redact, hash: fields (see `fields`) replaced by nothing, or by a hash keyed with `hash_key` (1 to 64 bytes). A call
    whose payload cannot be searched for such a field is withheld, not written.
    max_body_bytes: a call with a larger body on either side is counted, not written.
    flush_seconds, flush_bytes: a file is written when its first record is so old, or so much has gathered.
    queue_records, queue_bytes: what may wait for the background thread; beyond, calls are dropped and counted.
    spool_bytes: what may wait for a destination that cannot be written to.
    Raises: Misconfigured.
    """

    sampling: Sampling = Sampling()  # noqa: RUF009  a frozen value
    input: bool = True
    output: bool = True
    csv_content_types: tuple[str, ...] = ("text/csv",)
    json_content_types: tuple[str, ...] = ("application/json",)
    input_columns: tuple[str, ...] = ()
    output_columns: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    hash_key: bytes = field(default=b"", repr=False)
    max_body_bytes: int = 6 * _MIB
    flush_seconds: float = 60.0
    flush_bytes: int = 4 * _MIB
    queue_records: int = 20_000
    queue_bytes: int = 64 * _MIB
    spool_bytes: int = 256 * _MIB

    def __post_init__(self) -> None:
        for text in (*self.redact, *self.hash):
            Field.parse(text)
        if self.hash and not 1 <= len(self.hash_key) <= 64:
            raise Misconfigured("hash_key", f"{len(self.hash_key)} bytes", "1 to 64 secret bytes, to hash fields with")
        if not (self.input or self.output):
            raise Misconfigured("input and output", False, "at least one side to capture")
        if min(self.max_body_bytes, self.flush_seconds, self.flush_bytes, self.queue_records, self.queue_bytes) <= 0:
            raise Misconfigured("A bound of the capture", self, "more than 0 everywhere")

    @classmethod
    def of_sagemaker(cls, members: Mapping[str, object]) -> "CaptureConfig":
        """From CreateEndpointConfig's DataCaptureConfig. KmsKeyId and DestinationS3Uri are not looked at.

        >>> CaptureConfig.of_sagemaker(
        ...     {"InitialSamplingPercentage": 20, "CaptureOptions": [{"CaptureMode": "Output"}]}
        ... ).input
        False
        """
        options = members.get("CaptureOptions")
        modes = {option["CaptureMode"] for option in options} if isinstance(options, list | tuple) else set()
        headers = members.get("CaptureContentTypeHeader")
        percentage = members.get("InitialSamplingPercentage", 100)
        if not isinstance(percentage, int | float):
            raise Misconfigured("InitialSamplingPercentage", percentage, "a number from 0 to 100")
        return cls(
            sampling=Sampling(float(percentage)),
            input=bool(modes & {"Input", "InputAndOutput"}),
            output=bool(modes & {"Output", "InputAndOutput"}),
            csv_content_types=_listed(headers, "CsvContentTypes"),
            json_content_types=_listed(headers, "JsonContentTypes"),
        )


def _listed(headers: object, name: str) -> tuple[str, ...]:
    found = headers.get(name) if isinstance(headers, Mapping) else None
    return tuple(str(kind) for kind in found) if isinstance(found, list | tuple) else ()


def check_name(what: str, name: str) -> str:
    """A name that becomes a folder. Raises: Misconfigured. Source: SageMaker API, EndpointName and VariantName."""
    if not re.fullmatch(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}", name):
        raise Misconfigured(what, name, "1 to 63 letters, digits and inner hyphens")
    return name
