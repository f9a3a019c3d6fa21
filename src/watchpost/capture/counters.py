"""What became of every request a writer was asked to watch."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts since the writer was made, in requests where nothing else is said.

    captured: in files at the destination. sampled_out: left out by sampling. dropped: the queue was full, or the writer
    closed. failed: could not be written, and the spool was full. oversized: a body above the cap. incomplete: no
    successful answer, cut off, or a body nobody read. withheld: a field to redact could not be found.
    faults: faults of ours; a request of each may be missing. lost: handed over to earlier writers in the same state
    folder that ended by surprise, and never written. pending: handed over, in memory. spooled: waiting on disk.
    files: written. retries: attempts to write that failed.
    """

    captured: int = 0
    sampled_out: int = 0
    dropped: int = 0
    failed: int = 0
    oversized: int = 0
    incomplete: int = 0
    withheld: int = 0
    faults: int = 0
    lost: int = 0
    pending: int = 0
    spooled: int = 0
    files: int = 0
    retries: int = 0


class Counted(Protocol):
    """A writer, as far as its figures go."""

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""

    @property
    def variant(self) -> str:
        """The variant's name."""

    @property
    def counters(self) -> Counters:
        """The figures as of now."""


_OUTCOMES = ("captured", "sampled_out", "dropped", "failed", "oversized", "incomplete", "withheld", "lost")
_OTHERS = {
    "pending": ("watchpost_capture_pending", "gauge", "Records in memory that are not written yet."),
    "spooled": ("watchpost_capture_spooled", "gauge", "Records on disk that wait for the destination."),
    "files": ("watchpost_capture_files_total", "counter", "Capture files written."),
    "retries": ("watchpost_capture_retries_total", "counter", "Attempts to write a file that failed."),
    "faults": ("watchpost_capture_faults_total", "counter", "Faults of the capture itself."),
}


def prometheus_text(writers: Iterable[Counted]) -> str:
    """The writers' counters in Prometheus's text format, version 0.0.4."""
    figures = [(f'endpoint="{writer.endpoint}",variant="{writer.variant}"', writer.counters) for writer in writers]
    lines = [
        "# HELP watchpost_capture_requests_total Requests by what became of their record.",
        "# TYPE watchpost_capture_requests_total counter",
    ]
    lines += [
        f'watchpost_capture_requests_total{{{labels},outcome="{name}"}} {_value(counters, name)}'
        for labels, counters in figures
        for name in _OUTCOMES
    ]
    for name, (metric, kind, words) in _OTHERS.items():
        lines += [f"# HELP {metric} {words}", f"# TYPE {metric} {kind}"]
        lines += [f"{metric}{{{labels}}} {_value(counters, name)}" for labels, counters in figures]
    return "\n".join(lines) + "\n"


def _value(counters: Counters, name: str) -> int:
    return int(asdict(counters)[name])
