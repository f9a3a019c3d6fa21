"""One request and its answer as they pass: kept up to the cap, and handed to the writer when both are whole."""

from typing import Protocol

from watchpost.capture.config import CaptureConfig
from watchpost.capture.record import CapturedCall

INFERENCE_ID_HEADER = "x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes"


class Taker(Protocol):
    """Who takes finished exchanges: the writer. Nothing here raises."""

    @property
    def config(self) -> CaptureConfig:
        """Its settings."""

    def take(self, call: CapturedCall) -> None:
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

    # Of the class: most of these are never set on an exchange, and what is not set costs the request nothing.
    inference_id: str | None = None
    input_type = output_type = input_coding = output_coding = ""
    custom_attributes: tuple[str, ...] = ()
    status = asked_bytes = answered_bytes = 0
    asked = False
    """The request's body has been read to its end."""
    done = False

    def __init__(self, writer: Taker, event: int | None, at: float) -> None:
        self.writer, self.event, self.at = writer, event, at
        self.limit = writer.config.max_body_bytes
        self.question: list[bytes] = []
        self.answer: list[bytes] = []

    def add_question(self, piece: bytes) -> None:
        """A piece of the request's body passed."""
        self.asked_bytes = size = self.asked_bytes + len(piece)
        if size <= self.limit:
            self.question.append(piece)
        else:
            self.question.clear()

    def add_answer(self, piece: bytes) -> None:
        """A piece of the answer's body passed."""
        self.answered_bytes = size = self.answered_bytes + len(piece)
        if size <= self.limit:
            self.answer.append(piece)
        else:
            self.answer.clear()

    def answered(self) -> None:
        """The answer is whole: hand the exchange over, or count why not. Only the first time."""
        if self.done:
            return
        self.done = True
        if not (self.asked and 200 <= self.status < 300):
            self.writer.count_incomplete()
        elif self.asked_bytes > self.limit or self.answered_bytes > self.limit:
            self.writer.count_oversized()
        else:
            self.writer.take(
                CapturedCall(
                    b"".join(self.question),
                    b"".join(self.answer),
                    self.input_type,
                    self.output_type,
                    self.inference_id,
                    self.custom_attributes,
                    self.at,
                    self.event,
                    self.input_coding,
                    self.output_coding,
                )
            )

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
