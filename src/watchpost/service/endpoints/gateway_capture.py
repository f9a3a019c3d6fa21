"""Capture of what passes through the gateway, by the writer that applications use too, into the server's objects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from watchpost.capture import CaptureConfig, CapturedCall, CaptureWriter, Counters, PutObjects, Sampling
from watchpost.metrics.identity import Datum, Metric
from watchpost.runners import Answer, Question
from watchpost.service.clock import Clock
from watchpost.service.endpoints.documents import Capture
from watchpost.service.endpoints.gateway_routes import Captures, not_captured
from watchpost.stores.objects.objects import Objects

NAMESPACE = "Watchpost/Capture"
_SECONDS = 60
_COUNTED: Mapping[str, Callable[[Counters], int]] = {
    "Captured": lambda counters: counters.captured,
    "SampledOut": lambda counters: counters.sampled_out,
    "Dropped": lambda counters: counters.dropped,
    "Failed": lambda counters: counters.failed,
    "Oversized": lambda counters: counters.oversized,
    "Withheld": lambda counters: counters.withheld,
    "Faults": lambda counters: counters.faults,
    "Lost": lambda counters: counters.lost,
}

_Key = tuple[str, str, Capture]


@dataclass(slots=True)
class _Held:
    """A writer, how many fleets use it, and its counters when they were last reported."""

    writer: CaptureWriter
    users: int
    reported: Counters = Counters()  # noqa: RUF009  a frozen value


class CaptureWriters:
    """The writers of all variants that capture. Two fleets of one variant, captured alike, share a writer.

    Args: folder: where each keeps what it could not write yet. flush_seconds: how old a record may get in memory.
    """

    def __init__(self, objects: Objects, clock: Clock, folder: Path, flush_seconds: float = 60.0) -> None:
        self._objects, self._clock, self._folder, self._flush_seconds = objects, clock, folder, flush_seconds
        self._held: dict[_Key, _Held] = {}
        self._lock = Lock()
        self._due = -1

    def take(self, endpoint: str, variant: str, capture: Capture | None) -> Captures:
        """What takes the traffic of a variant, until `give_back`."""
        if capture is None or not capture.enabled:
            return not_captured
        key = endpoint, variant, capture
        with self._lock:
            held = self._held.get(key)
            if held is None:
                held = self._held[key] = _Held(self._writer(key), 0)
            held.users += 1
        return _taking(held.writer)

    def give_back(self, endpoint: str, variant: str, capture: Capture | None) -> None:
        """One fleet needs it no more; when none does, all is written, which may take seconds."""
        if capture is None or not capture.enabled:
            return
        key = endpoint, variant, capture
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return
            held.users -= 1
            if held.users:
                return
            del self._held[key]
        held.writer.close()

    def flush(self, endpoint: str) -> None:
        """Write all that was taken of an endpoint so far."""
        with self._lock:
            writers = [held.writer for (name, _, _), held in self._held.items() if name == endpoint]
        for writer in writers:
            writer.flush()

    def data(self, second: float) -> list[Datum]:
        """What became of requests since the last report, once a minute, as metrics by endpoint and variant.

        Only counts above 0 are reported.
        """
        minute = int(second) // _SECONDS
        with self._lock:
            if minute == self._due:
                return []
            self._due, held = minute, list(self._held.items())
        found: list[Datum] = []
        for (endpoint, variant, _), one in held:
            counters, before = one.writer.counters, one.reported
            one.reported = counters
            named = {"EndpointName": endpoint, "VariantName": variant}
            for name, count in _COUNTED.items():
                more = float(count(counters) - count(before))
                if more > 0:
                    start = float((minute - 1) * _SECONDS)
                    found.append(Datum(Metric.of(NAMESPACE, name, named), start, (more,), (1.0,), unit="Count"))
        return found

    def close(self) -> None:
        """Write all that was taken."""
        with self._lock:
            held, self._held = list(self._held.values()), {}
        for one in held:
            one.writer.close()

    def _writer(self, key: _Key) -> CaptureWriter:
        endpoint, variant, capture = key
        config = CaptureConfig(
            sampling=Sampling(float(capture.percentage)),
            input=capture.inputs,
            output=capture.outputs,
            csv_content_types=capture.csv_types,
            json_content_types=capture.json_types,
            flush_seconds=self._flush_seconds,
        )
        return CaptureWriter(
            config,
            PutObjects(capture.destination, self._put),
            endpoint,
            variant,
            # One folder for all: what a variant's writer left behind is taken over by its next, however configured.
            state=self._folder,
            clock=lambda: self._clock.now().timestamp(),
        )

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        self._objects.put(bucket, key, body, content_type="application/jsonlines")


def _taking(writer: CaptureWriter) -> Captures:
    def capture(question: Question, answer: Answer, inference_id: str) -> None:
        writer.submit(
            CapturedCall(
                input=question.body,
                output=answer.body,
                input_type=question.content_type,
                output_type=answer.content_type,
                inference_id=inference_id or None,
                custom_attributes=(question.attributes,) if question.attributes else (),
            )
        )

    return capture
