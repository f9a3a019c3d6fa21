"""One request and its answer as they pass: kept up to the cap, and handed to the writer when both are whole."""

from typing import Protocol

from watchpost.capture.record import Handed

INFERENCE_ID_HEADER = "x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes"


class Taker(Protocol):
    """Who takes finished exchanges: the writer. Nothing here raises."""

    @property
    def most_body_bytes(self) -> int:
        """The cap of a body."""

    def take(self, call: Handed) -> None:
        """Take a call."""

    def count_incomplete(self) -> None:
        """Count one that gave nothing to record."""

    def count_oversized(self) -> None:
        """Count one with a body above the cap."""

    def count_fault(self) -> None:
        """Count a fault of the capture."""


class Exchange:
    """What is gathered of one admitted request; taken once, when the answer's last piece is in, or never.

    A side that grows above the writer's cap is let go of at once.
    Args: event: 128 random bits if they were drawn. at: seconds since 1970 of the request.
    """

    __slots__ = (
        "answer",
        "answered_bytes",
        "asked",
        "asked_bytes",
        "at",
        "custom_attributes",
        "done",
        "event",
        "inference_id",
        "input_coding",
        "input_type",
        "limit",
        "output_coding",
        "output_type",
        "question",
        "status",
        "writer",
    )

    def __init__(self, writer: Taker, event: int | None, at: float) -> None:
        self.writer, self.event, self.at = writer, event, at
        self.limit = writer.most_body_bytes
        self.inference_id: str | None = None
        self.custom_attributes: tuple[str, ...] = ()
        self.input_type: str | bytes = ""
        self.output_type: str | bytes = ""
        self.input_coding = self.output_coding = ""
        self.status = self.asked_bytes = self.answered_bytes = 0
        # A body of one piece, as most are, or the pieces.
        self.question: bytes | list[bytes] = b""
        self.answer: bytes | list[bytes] = b""
        # asked: the request's body has been read to its end.
        self.asked = self.done = False

    def add_question(self, piece: bytes) -> None:
        """A piece of the request's body passed."""
        self.asked_bytes = size = self.asked_bytes + len(piece)
        self.question = piece if size == len(piece) <= self.limit else _longer(self.question, piece, size, self.limit)

    def add_answer(self, piece: bytes) -> None:
        """A piece of the answer's body passed."""
        self.answered_bytes = size = self.answered_bytes + len(piece)
        self.answer = piece if size == len(piece) <= self.limit else _longer(self.answer, piece, size, self.limit)

    def answered(self, last: bytes = b"") -> None:
        """The answer is whole with this piece: hand the exchange over, or count why not. Only the first time."""
        if self.done:
            return
        # An answer of one piece, as most are, is not looked at twice.
        answer, answered_bytes = last, len(last)
        if self.answered_bytes:
            self.add_answer(last)
            answer, answered_bytes = _whole(self.answer), self.answered_bytes
        self.done = True
        if not (self.asked and 200 <= self.status < 300):
            self.writer.count_incomplete()
        elif self.asked_bytes > self.limit or answered_bytes > self.limit:
            self.writer.count_oversized()
        else:
            question = self.question
            call = (
                question if type(question) is bytes else _whole(question),
                answer if type(answer) is bytes else _whole(answer),
                self.input_type,
                self.output_type,
                self.inference_id,
                self.custom_attributes,
                self.at,
                self.event,
                self.input_coding,
                self.output_coding,
                self.asked_bytes + answered_bytes,
            )
            self.writer.take(call)

    def ended(self) -> None:
        """The request is over; if its answer is not whole by now, it never will be."""
        if not self.done:
            self.done = True
            self.writer.count_incomplete()

    def failed(self) -> None:
        """A fault of the capture: nothing is taken, and the fault counted."""
        if not self.done:
            self.done = True
            self.writer.count_fault()


def _longer(body: bytes | list[bytes], piece: bytes, size: int, limit: int) -> bytes | list[bytes]:
    """A body with one more piece, of `size` bytes by now; nothing of it above the limit."""
    if size > limit:
        return b""
    if not isinstance(body, list):
        return [body, piece]
    body.append(piece)
    return body


def _whole(body: bytes | list[bytes]) -> bytes:
    """The bytes of a body; those of a view or a bytearray are copied, as they may be used again."""
    return body if type(body) is bytes else b"".join(body if isinstance(body, list) else [body])
