"""One request and its answer as they pass: kept up to the cap, and handed to the writer when both are whole."""

from typing import Protocol

from watchpost.capture.config import CaptureConfig
from watchpost.capture.record import CapturedCall

INFERENCE_ID_HEADER = "x-amzn-sagemaker-inference-id"
CUSTOM_ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes"


class Taker(Protocol):
    """Who takes finished calls: the writer."""

    @property
    def config(self) -> CaptureConfig:
        """Its settings."""

    def submit(self, call: CapturedCall) -> None:
        """Take a call."""

    def count_incomplete(self) -> None:
        """Count a call that gave nothing to record."""

    def count_oversized(self) -> None:
        """Count a call with a body above the cap."""

    def count_fault(self) -> None:
        """Count a fault of the capture."""


class Exchange:
    """What is gathered of one admitted call; it is handed over once, when the answer's last piece is in, or not at all.

    A side that grows above the writer's cap is let go of at once.
    Args: event: as admitted. at: seconds since 1970 of the request.
    """

    # Of the class: most of these are never set on an exchange, and each that need not be saves the request a little.
    input_type = output_type = input_coding = output_coding = ""
    custom_attributes: tuple[str, ...] = ()
    status = 0
    asked_bytes = answered_bytes = 0
    asked = False
    """The request's body has been read to its end."""
    done = False

    def __init__(self, writer: Taker, event: int | None, at: float, inference_id: str | None) -> None:
        self._writer, self._event, self._at, self.inference_id = writer, event, at, inference_id
        self._limit = writer.config.max_body_bytes
        self._question: list[bytes] = []
        self._answer: list[bytes] = []

    def add_question(self, piece: bytes) -> None:
        """A piece of the request's body passed."""
        self.asked_bytes = size = self.asked_bytes + len(piece)
        if size <= self._limit:
            self._question.append(piece)
        else:
            self._question.clear()

    def add_answer(self, piece: bytes) -> None:
        """A piece of the answer's body passed."""
        self.answered_bytes = size = self.answered_bytes + len(piece)
        if size <= self._limit:
            self._answer.append(piece)
        else:
            self._answer.clear()

    def answered(self) -> None:
        """The answer is whole: hand the call over, or count why not. Only the first time."""
        if self.done:
            return
        self.done = True
        if not (self.asked and 200 <= self.status < 300):
            self._writer.count_incomplete()
        elif self.asked_bytes > self._limit or self.answered_bytes > self._limit:
            self._writer.count_oversized()
        else:
            self._writer.submit(
                CapturedCall(
                    b"".join(self._question),
                    b"".join(self._answer),
                    self.input_type,
                    self.output_type,
                    self.inference_id,
                    self.custom_attributes,
                    self._at,
                    self._event,
                    self.input_coding,
                    self.output_coding,
                )
            )

    def ended(self) -> None:
        """The request is over; if its answer is not whole by now, it never will be."""
        if not self.done:
            self.done = True
            self._writer.count_incomplete()

    def failed(self) -> None:
        """A fault of the capture: the call is not captured, and the fault counted."""
        if not self.done:
            self.done = True
            self._writer.count_fault()
