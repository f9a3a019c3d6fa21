"""The files that one execution of a monitor leaves behind: the service's (contract 9.3), and ours beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import json

from watchpost.constraints.baseline import Baseline
from watchpost.constraints.violations_json import write_violations
from watchpost.data.quarantine import Quarantine
from watchpost.monitors import Observation
from watchpost.reports import ReadableReport
from watchpost.verdicts import QuarantinedRecord

_VIOLATIONS, _REPORT, _QUARANTINE = "constraint_violations.json", "report.json", "quarantine.jsonl"


def write_execution(folder: Path, seen: Observation, report: ReadableReport) -> None:
    """Write what was seen (statistics and the constraints it would suggest), what is violated, and the whole report.

    `constraint_violations.json` exists only if there is a violation: its readers take its presence for one.
    Raises: OSError.
    """
    Baseline.of(seen.statistics, seen.name).save(folder)
    violations = folder / _VIOLATIONS
    if report.violations:
        violations.write_text(write_violations(report.violations), encoding="utf-8")
    else:
        violations.unlink(missing_ok=True)
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
