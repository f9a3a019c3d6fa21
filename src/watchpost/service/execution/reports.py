"""What a processing job's process leaves and says: reports, records it could not read, lines of its log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from watchpost.data.quarantine import Quarantine
from watchpost.reports import ReadableReport
from watchpost.verdicts import QuarantinedRecord

REPORT, PAGE, QUARANTINED = "report.json", "report.html", "quarantine.jsonl"


class _Judged(msgspec.Struct):
    judged: str = ""


class _Report(msgspec.Struct):
    """What a report says of its verdicts, as far as it is asked for here."""

    figures: list[_Judged] = []
    notes: list[str] = []


def unjudged(body: bytes) -> tuple[str, ...]:
    """What a `report.json` says of a run that found nothing only because there was too little to judge by; else empty.

    Raises: nothing: a monitor of somebody else's writes what it likes.
    """
    try:
        told = msgspec.json.decode(body, type=_Report)
    except msgspec.MsgspecError:
        return ()
    judged = {figure.judged for figure in told.figures}
    too_little = "not_enough_data" in judged and not judged & {"kept", "violated"}
    return (tuple(told.notes) or ("There was too little data.",)) if too_little else ()


def say(sentence: str) -> None:
    """A line of the job's log."""
    print(sentence, flush=True)  # noqa: T201  its output is the job's log


def write_report(folder: Path, files: Mapping[str, str | None], report: ReadableReport) -> None:
    """Write the monitor's files (`Monitor.files`), the whole report and its page. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    (folder / REPORT).write_text(report.to_json(), encoding="utf-8")
    report.to_html(folder / PAGE)


@contextmanager
def kept_records(folder: Path) -> Iterator[Quarantine]:
    """A quarantine that also writes every record it is given to `quarantine.jsonl` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / QUARANTINED
    with path.open("wb") as stream:

        def keep(record: QuarantinedRecord) -> None:
            stream.write(msgspec.json.encode(record) + b"\n")

        quarantine = Quarantine(sink=keep)
        yield quarantine
    if quarantine.total:
        say(f"{quarantine.total} records could not be read: see {QUARANTINED}")
    else:
        path.unlink()
