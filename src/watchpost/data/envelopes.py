"""The envelope of a capture record (contract 1.2): what lies around the payloads."""

import msgspec

from watchpost.data.records import RecordError, decode_envelope
from watchpost.data.weights import probability_text, weight_of


class CapturedSide(msgspec.Struct, frozen=True):
    """`endpointInput` or `endpointOutput`; a missing encoding is judged like BASE64's unknown content, as a fault."""

    data: str
    encoding: str = ""
    observedContentType: str | None = None  # noqa: N815  the file's word


class CaptureData(msgspec.Struct, frozen=True):
    """The captured sides, of an endpoint or of a batch transform; one may be absent."""

    endpointInput: CapturedSide | None = None  # noqa: N815  the file's word
    endpointOutput: CapturedSide | None = None  # noqa: N815  the file's word
    batchTransformInput: CapturedSide | None = None  # noqa: N815  the file's word
    batchTransformOutput: CapturedSide | None = None  # noqa: N815  the file's word

    @property
    def input(self) -> CapturedSide | None:
        """What was asked."""
        return self.endpointInput or self.batchTransformInput

    @property
    def output(self) -> CapturedSide | None:
        """What was answered."""
        return self.endpointOutput or self.batchTransformOutput


class EventMetadata(msgspec.Struct, frozen=True):
    """The ids; the service always writes `eventId`, `inferenceId` only if the caller gave one.

    customAttributes: a list of texts, or whatever else somebody wrote there.
    """

    eventId: str | None = None  # noqa: N815  the file's word
    inferenceId: str | None = None  # noqa: N815  the file's word
    customAttributes: object = None  # noqa: N815  the file's word


class CaptureRecord(msgspec.Struct, frozen=True):
    """One line of a capture file, or of the files a merge with ground truth leaves (contract 6.2).

    Members beyond these are ignored.
    """

    captureData: CaptureData  # noqa: N815  the file's word
    eventMetadata: EventMetadata | None = None  # noqa: N815  the file's word
    groundTruthData: CapturedSide | None = None  # noqa: N815  the file's word

    @property
    def identifier(self) -> str | None:
        """The join key of ground truth (contract 6.2): the inference id if there is one, else the event id."""
        if self.eventMetadata is None:
            return None
        return self.eventMetadata.inferenceId or self.eventMetadata.eventId or None

    @property
    def probability(self) -> str | None:
        """What it says of its inclusion probability, as it is written; None: nothing."""
        return None if self.eventMetadata is None else probability_text(self.eventMetadata.customAttributes)

    @property
    def weight(self) -> float:
        """How many calls of the traffic it stands for. Raises: RecordError for a probability that is none."""
        return weight_of(self.probability)


_DECODER = msgspec.json.Decoder(CaptureRecord)


def decode_capture(line: bytes) -> CaptureRecord:
    """One line as a record with at least one side and a weight. Raises: RecordError."""
    record = decode_unweighed(line)
    _ = record.weight
    return record


def decode_unweighed(line: bytes) -> CaptureRecord:
    """The same, its probability not looked at. Raises: RecordError."""
    record = decode_envelope(line, _DECODER, "not a capture record")
    if record.captureData.input is None and record.captureData.output is None:
        raise RecordError("not a capture record", "captureData has neither endpointInput nor endpointOutput")
    return record
