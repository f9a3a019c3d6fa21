"""The writer: where files go, what is counted, and what full disks, absent stores and sudden ends cost."""

import errno
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from watchpost.capture import (
    CaptureConfig,
    CapturedCall,
    CaptureWriter,
    Counters,
    PutObjects,
    Sampling,
    prometheus_text,
)
from watchpost.capture.batches import Batch, OpenBatches
from watchpost.capture.delivery import Delivery
from watchpost.capture.spool import Spool
from watchpost.errors import Misconfigured

from .captured import ENDPOINT, MakeWriter, files, records, until

CALL = CapturedCall(b"1,2", b"0.5", "text/csv", "text/csv")
HOUR = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: float = HOUR

    def __call__(self) -> float:
        return self.at


@dataclass
class Moody:
    """A destination that refuses while it is told to."""

    fault: Exception | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    attempts: int = 0
    name = "moody://"

    def write(self, key: str, body: bytes) -> None:
        self.attempts += 1
        if self.fault is not None:
            raise self.fault
        self.files[key] = body

    @property
    def records(self) -> int:
        return sum(body.count(b"\n") for body in self.files.values())


FULL = OSError(errno.ENOSPC, "No space left on device")


def accounted(counters: Counters) -> int:
    """The requests that are accounted for, but for those that were lost by others."""
    c = counters
    left = c.sampled_out + c.dropped + c.failed + c.oversized + c.withheld + c.faults
    return c.captured + left + c.pending + c.spooled


# --- where and when -------------------------------------------------------------------------------------------------


def test_files_lie_in_the_hour_of_the_invocation_under_the_instant_of_the_flush(make: MakeWriter, folder: Path) -> None:
    hands = Hands(HOUR + 3599.5)
    writer = make(clock=hands)
    writer.submit(CALL)
    hands.at = HOUR + 3661.25
    assert writer.flush()
    (path,) = files(folder)
    relative = path.relative_to(folder).as_posix()
    uuid4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"{ENDPOINT}/AllTraffic/2026/07/01/12/01-01-250-{uuid4}\.jsonl", relative)
    assert records(folder)[0]["eventMetadata"]["inferenceTime"] == "2026-07-01T12:59:59Z"


def test_each_hour_of_one_flush_has_a_file_of_its_own(make: MakeWriter, folder: Path) -> None:
    writer = make()
    for at in (HOUR, HOUR + 3599.9, HOUR + 3600):
        writer.submit(CapturedCall(b"1", b"2", at=at))
    assert writer.flush()
    assert [path.parent.name for path in files(folder)] == ["12", "13"]
    assert len(records(folder)) == 3


def test_a_batch_is_written_when_a_minute_has_passed(make: MakeWriter, folder: Path) -> None:
    hands = Hands()
    writer = make(clock=hands)
    writer.submit(CALL)
    hands.at += 59
    writer.submit(CALL)
    until(lambda: writer.counters.pending == 2)
    assert files(folder) == []
    hands.at += 1
    until(lambda: writer.counters.captured == 2)
    assert len(files(folder)) == 1


def test_a_batch_is_written_when_its_hour_is_over(make: MakeWriter, folder: Path) -> None:
    hands = Hands(HOUR + 3590)
    writer = make(clock=hands)
    writer.submit(CALL)
    hands.at = HOUR + 3600
    until(lambda: writer.counters.captured == 1)
    assert [path.parent.name for path in files(folder)] == ["12"]


def test_a_batch_is_written_when_it_is_large(make: MakeWriter, folder: Path) -> None:
    writer = make(CaptureConfig(flush_bytes=1000), clock=Hands())
    for _ in range(10):
        writer.submit(CALL)
    until(lambda: writer.counters.captured == 10)


def test_a_batch_is_due_although_the_clock_was_set_back() -> None:
    batches = OpenBatches("endpoint/variant", 60.0, 1000)
    batches.add(b"line\n", HOUR + 200, HOUR + 200)
    assert batches.due(HOUR + 201) == []
    assert batches.due(HOUR + 100) == batches.all()


def test_no_file_is_seen_half_written(make: MakeWriter, folder: Path) -> None:
    """Whoever looks while files are being written sees whole lines only."""
    writer, stop, torn = make(CaptureConfig(flush_bytes=50_000)), threading.Event(), list[Path]()

    def look() -> None:
        while not stop.is_set():
            torn.extend(path for path in files(folder) if not path.read_bytes().endswith(b'"eventVersion":"0"}\n'))

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(2000):
        writer.submit(CALL)
    writer.flush()
    stop.set()
    looking.join()
    assert (torn, writer.counters.captured) == ([], 2000)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a" * 64, "-a"])
def test_a_name_that_is_no_endpoints_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        CaptureWriter(CaptureConfig(), tmp_path, name)
    with pytest.raises(Misconfigured):
        CaptureWriter(CaptureConfig(), tmp_path, ENDPOINT, name)


def test_making_a_writer_touches_no_disk_and_starts_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    CaptureWriter(CaptureConfig(), tmp_path / "capture", ENDPOINT).close()
    assert (list(tmp_path.iterdir()), threading.active_count()) == ([], before)


def test_a_closed_writer_leaves_nothing_but_capture_files(make: MakeWriter, folder: Path) -> None:
    writer = make()
    writer.submit(CALL)
    assert writer.close()
    assert [path for path in folder.rglob("*") if path.is_file()] == files(folder)


# --- what is counted ------------------------------------------------------------------------------------------------


def test_calls_from_many_threads_are_each_captured_once(make: MakeWriter, folder: Path) -> None:
    writer = make()

    def work(name: int) -> None:
        for number in range(500):
            writer.submit(CapturedCall(b"1", b"2", inference_id=f"{name}-{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush()
    ids = {record["eventMetadata"]["inferenceId"] for record in records(folder)}
    events = {record["eventMetadata"]["eventId"] for record in records(folder)}
    assert (len(ids), len(events), writer.counters.captured) == (4000, 4000, 4000)


def test_a_full_queue_drops_calls_and_counts_them(make: MakeWriter, state: Path) -> None:
    release = threading.Event()

    def hang(bucket: str, key: str, body: bytes) -> None:
        release.wait(10)

    writer = make(CaptureConfig(queue_records=5, flush_bytes=1), PutObjects("s3://lake", hang), state=state)
    writer.submit(CALL)
    until(lambda: not writer._queue)
    for _ in range(8):
        writer.submit(CALL)
    assert (writer.counters.dropped, writer.counters.pending) == (3, 6)
    release.set()


def test_the_queue_is_bounded_in_bytes_too(make: MakeWriter) -> None:
    writer = make(CaptureConfig(queue_bytes=100), Moody())
    writer.submit(CapturedCall(bytes(60), bytes(41)))
    writer.submit(CapturedCall(bytes(60), bytes(40)))
    assert (writer.counters.dropped, writer.flush(), writer.counters.captured) == (1, True, 1)


def test_sampled_out_calls_are_counted_whoever_decides(make: MakeWriter) -> None:
    uniform = make(CaptureConfig(sampling=Sampling(0.0)))
    uniform.submit(CALL)
    assert uniform.admit("id") is None
    assert uniform.begin("id") is None
    assert uniform.counters.sampled_out == 3
    rules = make(CaptureConfig(sampling=Sampling.parse("100 % where input[0] > 5")))
    for value in (b"1", b"9"):
        rules.submit(CapturedCall(value, b"0", "text/csv", "text/csv"))
    assert rules.flush()
    assert (rules.counters.sampled_out, rules.counters.captured) == (1, 1)


def test_a_call_that_nobody_thought_of_costs_itself_only(make: MakeWriter) -> None:
    writer = make()
    writer.submit(CapturedCall(b"1", b"2", inference_id="\ud800"))  # no text that UTF-8 can write
    writer.submit(CALL)
    assert writer.flush()
    assert (writer.counters.faults, writer.counters.captured) == (1, 1)


def test_submit_never_raises_whatever_it_is_handed(make: MakeWriter) -> None:
    writer = make()
    writer.submit(None)  # type: ignore[arg-type]  # wrong on purpose
    writer.submit(CapturedCall("text", 7))  # type: ignore[arg-type]  # wrong on purpose
    assert writer.counters.faults == 2


def test_a_closed_writer_drops_what_it_is_handed(make: MakeWriter) -> None:
    writer = make()
    writer.close()
    writer.submit(CALL)
    assert writer.counters.dropped == 1


def test_every_request_is_accounted_for(make: MakeWriter) -> None:
    config = CaptureConfig(
        sampling=Sampling.parse("60 % otherwise"), redact=("input[1]",), max_body_bytes=10, queue_records=40
    )
    writer = make(config)
    kinds = [CALL, CapturedCall(b"1", b"2", "text/csv", "text/csv"), CapturedCall(bytes(11), b"2"), CALL]
    for _ in range(50):
        for call in kinds:
            writer.submit(call)
    writer.flush()
    assert accounted(writer.counters) == 200


def test_counters_are_prometheus_text(make: MakeWriter) -> None:
    writer = make()
    writer.submit(CALL)
    writer.flush()
    families = {family.name: family for family in text_string_to_metric_families(prometheus_text([writer]))}
    requests = {sample.labels["outcome"]: sample for sample in families["watchpost_capture_requests"].samples}
    assert requests["captured"].value == 1
    assert requests["captured"].labels["endpoint"] == ENDPOINT
    assert families["watchpost_capture_pending"].samples[0].value == 0


# --- destinations that fail -----------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_full_disk_costs_no_request_and_nothing_once_there_is_room(make: MakeWriter, state: Path) -> None:
    moody, hands = Moody(FULL), Hands()
    writer = make(CaptureConfig(flush_bytes=1), moody, state=state, clock=hands)
    for _ in range(5):
        writer.submit(CALL)
    until(lambda: writer.counters.spooled == 5)
    assert not writer.flush()
    moody.fault = None
    hands.at += 60
    until(lambda: writer.counters.captured == 5)
    assert (moody.records, writer.counters.spooled, writer.counters.failed) == (5, 0, 0)


def test_pauses_between_attempts_double_up_to_a_minute_and_end_with_success() -> None:
    moody, now = Moody(FULL), 0.0
    delivery = Delivery(moody, Spool(None, 1 << 20), lambda: 1.0)
    delivery.deliver(Batch("a.jsonl", b"line\n", 1), now)
    instants = [now]
    while len(instants) < 10:
        now += 0.5
        before = moody.attempts
        delivery.retry(now)
        if moody.attempts > before:
            instants.append(now)
    assert [b - a for a, b in pairwise(instants)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    moody.fault = None
    delivery.retry(now + 60)
    delivery.deliver(Batch("b.jsonl", b"line\n", 1), now + 60)
    assert (moody.records, delivery.delivered.captured, delivery.delivered.retries) == (2, 2, 10)


def test_what_the_spool_does_not_take_is_given_up_and_counted(make: MakeWriter, state: Path) -> None:
    config = CaptureConfig(flush_bytes=1, spool_bytes=1000)
    moody = Moody(FULL)
    writer = make(config, moody, state=state)
    for _ in range(30):
        writer.submit(CALL)
        writer.flush()
    counters = writer.counters
    assert counters.failed > 0
    assert counters.spooled > 0
    assert accounted(counters) == 30
    size = sum(path.stat().st_size for path in state.rglob("*.jsonl"))
    assert size <= 1000
    moody.fault = None


def test_without_a_disk_to_spool_on_records_wait_in_memory(make: MakeWriter, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    moody = Moody(FULL)
    writer = make(CaptureConfig(), moody, state=blocked / "state")
    writer.submit(CALL)
    assert not writer.flush()
    assert (writer.counters.pending, writer.counters.faults) == (1, 1)
    moody.fault = None
    assert writer.flush()
    assert moody.records == 1


def test_what_is_spooled_at_the_end_is_written_by_the_next_writer(make: MakeWriter, state: Path) -> None:
    moody = Moody(FULL)
    first = make(CaptureConfig(), moody, state=state)
    first.submit(CALL)
    assert not first.close()
    assert first.counters.spooled == 1
    moody.fault = None
    second = make(CaptureConfig(), moody, state=state)
    second.start()
    until(lambda: moody.records == 1)
    assert second.flush()
    assert (second.counters.captured, second.counters.lost, second.counters.pending) == (1, 0, 0)
    second.close()
    assert [path for path in state.rglob("*") if path.is_file()] == []


def test_living_writers_leave_each_others_spool_alone(make: MakeWriter, state: Path) -> None:
    moody = Moody(FULL)
    first, second = (make(CaptureConfig(), moody, state=state) for _ in range(2))
    first.submit(CALL)
    first.flush()
    second.start()
    second.submit(CALL)
    second.flush()
    moody.fault = None
    assert (first.flush(), second.flush()) == (True, True)
    assert (first.counters.captured, second.counters.captured, second.counters.lost) == (1, 1, 0)


def test_state_that_belongs_to_another_destination_is_left_alone(make: MakeWriter, state: Path, tmp_path: Path) -> None:
    moody = Moody(FULL)
    first = make(CaptureConfig(), moody, state=state)
    first.submit(CALL)
    first.close()
    second = make(CaptureConfig(), tmp_path / "elsewhere", state=state)
    second.submit(CALL)
    assert second.flush()
    assert second.counters.captured == 1
