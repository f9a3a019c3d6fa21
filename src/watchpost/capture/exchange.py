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


class Exchange:
    """What is gathered of one admitted call; `finish` once.

    Args: at: seconds since 1970 of the request. A side that grows above the writer's cap is let go of at once.
    """

    __slots__ = (
        "_answer",
        "_answer_size",
        "_at",
        "_event",
        "_limit",
        "_question",
        "_question_size",
        "_writer",
        "answered",
        "asked",
        "custom_attributes",
        "done",
        "inference_id",
        "input_coding",
        "input_type",
        "output_coding",
        "output_type",
        "status",
    )

    def __init__(self, writer: Taker, event: int, at: float, inference_id: str | None) -> None:
        self._writer, self._event, self._at, self.inference_id = writer, event, at, inference_id
        self._limit = writer.config.max_body_bytes
        self._question: list[bytes] = []
        self._answer: list[bytes] = []
        self._question_size = self._answer_size = self.status = 0
        self.input_type = self.output_type = self.input_coding = self.output_coding = ""
        self.custom_attributes: tuple[str, ...] = ()
        self.asked = self.answered = self.done = False

    def add_question(self, piece: bytes) -> None:
        """A piece of the request's body passed."""
        self._question_size += len(piece)
        if self._question_size <= self._limit:
            self._question.append(piece)
        else:
            self._question.clear()

    def add_answer(self, piece: bytes) -> None:
        """A piece of the answer's body passed."""
        self._answer_size += len(piece)
        if self._answer_size <= self._limit:
            self._answer.append(piece)
        else:
            self._answer.clear()

    @property
    def asked_bytes(self) -> int:
        """How much of the request's body passed."""
        return self._question_size

    def finish(self) -> None:
        """Hand the call over, or count why not. Only the first time; never raises."""
        if self.done:
            return
        self.done = True
        if not (self.asked and self.answered and 200 <= self.status < 300):
            self._writer.count_incomplete()
        elif self._question_size > self._limit or self._answer_size > self._limit:
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
