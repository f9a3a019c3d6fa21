"""The files that one execution of a monitor leaves behind: the service's (contract 9.3), and ours beside them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import json

from watchpost.data.quarantine import Quarantine
from watchpost.reports import ReadableReport
from watchpost.verdicts import QuarantinedRecord

_REPORT, _QUARANTINE = "report.json", "quarantine.jsonl"


def write_execution(folder: Path, files: Mapping[str, str | None], report: ReadableReport) -> None:
    """Write the monitor's files (`Monitor.files`) and the whole report; a file that must not exist is removed.

    Raises: OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_text(text, encoding="utf-8")
    (folder / _REPORT).write_text(report.to_json(), encoding="utf-8")


@contextmanager
def quarantine_into(folder: Path | None) -> Iterator[Quarantine]:
    """A quarantine that also writes every record to `quarantine.jsonl` in the folder, if there is one."""
    if folder is None:
        yield Quarantine()
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _QUARANTINE
    with path.open("wb") as stream:

        def keep(record: QuarantinedRecord) -> None:
            stream.write(json.encode(record) + b"\n")

        quarantine = Quarantine(sink=keep)
        yield quarantine
    if not quarantine.total:
        path.unlink()
