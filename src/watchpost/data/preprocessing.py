"""Record preprocessing scripts (contract 10.3): users' functions from a captured record to rows."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from traceback import extract_tb
from types import SimpleNamespace

import msgspec
import polars as pl

from watchpost.data.cells import Scalar, frame_of, typed_text_column
from watchpost.data.envelopes import CapturedSide
from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.jsonl import name_of
from watchpost.data.lines import line_blocks
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError
from watchpost.data.sources import Source
from watchpost.data.weights import carrying, probability_text, weight_of
from watchpost.errors import InputError

_ROWS = 20_000  # rows of a batch
_SIDES = {
    "endpointInput": "endpoint_input",
    "endpointOutput": "endpoint_output",
    "batchTransformInput": "batch_transform_input",
    "batchTransformOutput": "batch_transform_output",
}


class ScriptFailed(InputError):
    """A preprocessing or postprocessing script raised, or returned what is no row."""

    code = "script"

    def __init__(self, script: str, why: str) -> None:
        super().__init__(f"There is an exception raised in {script}: {why}")
        self.script = script


class Part(SimpleNamespace):
    """One side of a record as scripts see it: `data`, `encoding`, `observedContentType`, `mode`."""

    def as_dict(self) -> dict[str, object]:
        """The members as a dict."""
        return dict(vars(self))


class InferenceRecord(SimpleNamespace):
    """A captured record as scripts see it.

    `endpoint_input`, `endpoint_output`, `batch_transform_input`, `batch_transform_output`, `ground_truth`: `Part`s or
    None. `event_metadata` has `event_id`, `event_time`, `custom_attribute`; `event_version` and `event_dict` are as
    captured. `event_data.endpointInput` and the like are the spelling of 2019.
    """

    def as_dict(self) -> dict[str, object]:
        """The record as it was captured."""
        captured: dict[str, object] = self.event_dict
        return captured


def inference_record(line: bytes, truths: Mapping[str, CapturedSide] | None = None) -> InferenceRecord:
    """The record of a capture line. truths: labels by event. Raises: msgspec.DecodeError."""
    event = msgspec.json.decode(line, type=dict[str, object])
    data, metadata = _mapping(event.get("captureData")), _mapping(event.get("eventMetadata"))
    parts = {name: _part(data.get(name)) for name in _SIDES}
    truth = _part(event.get("groundTruthData"))
    known = (truths or {}).get(str(_identifier(metadata)))
    if truth is None and known is not None:
        truth = Part(data=known.data, encoding=known.encoding, observedContentType=None, mode=None)
    return InferenceRecord(
        **{spoken: parts[name] for name, spoken in _SIDES.items()},
        ground_truth=truth,
        event_metadata=SimpleNamespace(
            event_id=metadata.get("eventId"),
            inference_id=metadata.get("inferenceId"),
            event_time=metadata.get("inferenceTime"),
            custom_attribute=metadata.get("customAttributes"),
        ),
        event_data=SimpleNamespace(**parts, groundTruthData=truth),
        event_version=event.get("eventVersion"),
        event_dict=event,
    )


def _identifier(metadata: Mapping[str, object]) -> object:
    return metadata.get("inferenceId") or metadata.get("eventId")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _part(value: object) -> Part | None:
    if not isinstance(value, dict):
        return None
    known = ("encoding", "data", "observedContentType", "mode")
    return Part(**{**dict.fromkeys(known), **{str(key): member for key, member in value.items()}})


Handler = Callable[..., object]
"""`preprocess_handler(inference_record)` or `preprocess_handler(inference_record, logger)`."""


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """A Dataset of the rows that a script makes of captured records.

    A record may become a row (a dict), several (a list of dicts) or none (an empty list). Keys become text; None is no
    value. Text that is a number counts as one. Where the script gives names of its own, those hold.

    Args: handler: see Handler. logger: given to handlers that take one. truths: labels by event id, for handlers that
    look at them. identified: rows also carry EVENT_ID and EVENT_ROW, to be met with their labels. weighing: rows have
    the weights of their records.
    Iterating raises ScriptFailed: there are no partial results.
    """

    sources: Sequence[Source]
    handler: Handler
    logger: object
    truths: Mapping[str, CapturedSide] = field(default_factory=dict)
    identified: bool = False
    weighing: bool = False

    @property
    def name(self) -> str:
        """The first source, and how many more there are."""
        return name_of(self.sources)

    def weighted(self) -> "Preprocessed":
        """See Weighted.weighted."""
        return replace(self, weighing=True)

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """See Dataset.batches."""
        ask = _asking(self.handler, self.logger)
        rows: list[dict[str, Scalar]] = []
        weights: list[float] = []
        for block in line_blocks(self.sources, quarantine):
            for index, line in enumerate(block.lines()):
                if not line.strip():
                    continue
                try:
                    record = inference_record(line, self.truths)
                    weight = weight_of(probability_text(record.event_metadata.custom_attribute))
                except (msgspec.DecodeError, UnicodeDecodeError, RecordError) as fault:
                    source, number = block.place(index)
                    told = fault if isinstance(fault, RecordError) else RecordError("not a capture record", str(fault))
                    quarantine.add(source, number, told.reason, told.detail, line[:200].decode("utf-8", "replace"))
                    continue
                made = self._rows(record, ask)
                rows.extend(made)
                weights.extend([weight] * len(made))
                if len(rows) >= _ROWS:
                    yield self._frame(rows, weights)
                    rows, weights = [], []
        if rows:
            yield self._frame(rows, weights)

    def _frame(self, rows: Sequence[Mapping[str, Scalar]], weights: Sequence[float]) -> pl.DataFrame:
        return carrying(_frame(rows), weights) if self.weighing else _frame(rows)

    def _rows(self, record: InferenceRecord, ask: Callable[[InferenceRecord], object]) -> list[dict[str, Scalar]]:
        made = ask(record)
        given = made if isinstance(made, list | tuple) else [] if made is None else [made]
        rows = [_row(each) for each in given]
        if not self.identified:
            return rows
        event = _identifier(vars(record.event_metadata) | _mapping(record.event_dict.get("eventMetadata")))
        identifier: Scalar = None if event is None else str(event)
        return [{EVENT_ID: identifier, EVENT_ROW: place, **row} for place, row in enumerate(rows)]


def _asking(handler: Handler, logger: object) -> Callable[[InferenceRecord], object]:
    with_logger = len(inspect.signature(handler).parameters) > 1
    script = inspect.getfile(inspect.unwrap(handler))

    def ask(record: InferenceRecord) -> object:
        try:
            return handler(record, logger) if with_logger else handler(record)
        except Exception as problem:
            # It is the user's code: whatever it raises is told and ends the run.
            lines = [frame.lineno for frame in extract_tb(problem.__traceback__) if frame.filename == script]
            where = f" (line {lines[-1]})" if lines else ""
            raise ScriptFailed("preprocessor script", f"{type(problem).__name__}: {problem}{where}") from problem

    return ask


def _row(made: object) -> dict[str, Scalar]:
    if not isinstance(made, dict):
        why = f"preprocess_handler returned a {type(made).__name__}; expected a dict of scalars, or a list of dicts"
        raise ScriptFailed("preprocessor script", why)
    row: dict[str, Scalar] = {}
    for key, value in made.items():
        plain = value.item() if hasattr(value, "item") and callable(value.item) else value  # numpy's scalars
        if plain is not None and not isinstance(plain, str | int | float | bool):
            why = f"preprocess_handler returned a {type(value).__name__} as {key!r}; expected a text, a number or None"
            raise ScriptFailed("preprocessor script", why)
        row[str(key)] = None if plain == "" else plain
    return row


def _frame(rows: Sequence[Mapping[str, Scalar]]) -> pl.DataFrame:
    frame = frame_of(rows)
    typed = [typed_text_column(c) if c.dtype == pl.String and c.name != EVENT_ID else c for c in frame]
    return pl.DataFrame(typed, height=frame.height)
