"""Capture at the gateway: what becomes of requests is told as metrics, and what one writer left the next one writes."""

from datetime import UTC, datetime
from pathlib import Path

from watchpost.runners import Answer, Question
from watchpost.service.clock import ManualClock
from watchpost.service.endpoints.documents import Capture
from watchpost.service.endpoints.gateway_capture import CaptureWriters
from watchpost.stores.objects.folder import FolderObjects

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ask(writers: CaptureWriters, capture: Capture, times: int = 3) -> None:
    taking = writers.take("resale", "AllTraffic", capture)
    for number in range(times):
        taking(Question(b"1,2", "text/csv"), Answer(b"0.5", "text/csv"), f"sale-{number}")
    writers.flush("resale")


def test_what_became_of_requests_is_told_once_a_minute(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path / "objects")
    objects.create_bucket("lake")
    writers = CaptureWriters(objects, ManualClock(NOON), tmp_path / "state")
    ask(writers, Capture(enabled=True, percentage=100, destination="s3://lake/capture"))
    told = {datum.metric.name: datum.values for datum in writers.data(60.0)}
    assert told == {"Captured": (3.0,)}
    assert not writers.data(61.0)
    writers.close()


def test_what_a_writer_could_not_write_its_next_one_does_however_configured(tmp_path: Path) -> None:
    """The bucket is missing while the first writer works; the next one captures answers only."""
    objects, state = FolderObjects(tmp_path / "objects"), tmp_path / "state"
    first = CaptureWriters(objects, ManualClock(NOON), state)
    ask(first, Capture(enabled=True, percentage=100, destination="s3://lake/capture"))
    first.close()
    objects.create_bucket("lake")
    second = CaptureWriters(objects, ManualClock(NOON), state)
    ask(second, Capture(enabled=True, percentage=100, destination="s3://lake/capture", inputs=False), times=1)
    second.close()
    lines = sum(objects.get("lake", found.key).count(b"\n") for found in objects.walk("lake"))
    assert lines == 4
