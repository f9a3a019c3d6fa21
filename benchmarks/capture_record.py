"""One captured record on the request's thread: what a serving process pays before it goes on answering."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from tempfile import mkdtemp
from threading import Thread

from benchmarks.measure import Contender, Table, race

REACH = "Watchpost at most 2 µs a record, that is 2 s for a million"
INPUT = b",".join(b"%d.25" % i for i in range(20))
OUTPUT = b"0.0107"
CSV = "text/csv"
QUEUE = 20_000  # records that wait in the writer's queue at most


def limit(records: str) -> Callable[[], object]:
    """The least anyone can do: append a reference."""
    from collections import deque

    count = int(records)

    def run() -> None:
        queue: deque[tuple[bytes, bytes]] = deque(maxlen=QUEUE)
        for _ in range(count):
            queue.append((INPUT, OUTPUT))

    return run


def ours(records: str) -> Callable[[], object]:
    """The call as the gateway makes it: bodies, types, an id; the queue is emptied by nobody else."""
    from watchpost.capture import CaptureConfig, CapturedCall, CaptureWriter

    count = int(records)
    writer = CaptureWriter(CaptureConfig(), mkdtemp(), "endpoint")
    # What is measured is one thread's work, not two threads in turns: this one ended before it began.
    writer._thread = Thread()

    def run() -> None:
        submit = writer.submit
        for start in range(0, count, QUEUE):
            for number in range(start, start + QUEUE):
                submit(CapturedCall(INPUT, OUTPUT, CSV, CSV, f"order-{number}"))
            assert len(writer._queue) == QUEUE
            writer._queue.clear()
            writer._queued_bytes = 0

    return run


def json_on_the_thread(records: str) -> Callable[[], object]:
    """What a middleware by hand does: a dictionary, an UUID, JSON, appended to a buffer."""
    import msgspec

    count, encode = int(records), msgspec.json.encode

    def run() -> None:
        lines: list[bytes] = []
        for number in range(count):
            record = {
                "captureData": {
                    "endpointInput": {
                        "observedContentType": CSV,
                        "mode": "INPUT",
                        "data": INPUT.decode(),
                        "encoding": "CSV",
                    },
                    "endpointOutput": {
                        "observedContentType": CSV,
                        "mode": "OUTPUT",
                        "data": OUTPUT.decode(),
                        "encoding": "CSV",
                    },
                },
                "eventMetadata": {
                    "eventId": str(uuid.uuid4()),
                    "inferenceId": f"order-{number}",
                    "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),  # noqa: TID251  as by hand
                },
                "eventVersion": "0",
            }
            lines.append(encode(record))

    return run


CONTENDERS: dict[str, Contender] = {
    "deque.append (the limit)": limit,
    "Watchpost": ours,
    "record made on the thread (msgspec, uuid4)": json_on_the_thread,
}


def plan(scale: float) -> list[Table]:
    """1 M records."""
    records = int(1_000_000 * scale)
    title = f"{records:,} captured records on the request's thread"
    return [race(title, "capture_record", list(CONTENDERS), str(records), rounds=5, reach=REACH)]
