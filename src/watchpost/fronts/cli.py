"""The command line: `watchpost baseline`, `check`, `demo`.

Exit codes: 0 clean, 1 violations, 2 bad input or usage. Only messages go to stderr; results go to stdout.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from watchpost import __version__
from watchpost.errors import WatchpostError
from watchpost.fronts.cpu import numpy_settings

if TYPE_CHECKING:
    from rich.console import Console

    from watchpost.constraints.baseline import Baseline
    from watchpost.data.quarantine import Quarantine
    from watchpost.monitors import Observation
    from watchpost.reports import ReadableReport

CLEAN, VIOLATIONS, BAD_INPUT = 0, 1, 2

Command = TypeVar("Command", bound=Callable[..., object])

_TYPED = {"\\t": "\t", "tab": "\t"}  # a tab is hard to type in a shell
_FORMATS = ("csv", "jsonl", "json", "parquet", "capture")


def main() -> None:
    """The entry point of the command `watchpost`."""
    os.environ.update(numpy_settings(os.environ))
    watchpost(prog_name="watchpost")


def _reading(command: Command) -> Command:
    """The options of every command that reads a table."""
    for option in (
        click.option(
            "--delimiter",
            callback=lambda _context, _option, given: _TYPED.get(given, given),
            help="Delimiter of CSV files.  [default: a comma; a tab for .tsv]",
        ),
        click.option("--no-header", is_flag=True, help="CSV files do not name their columns; they become _c0, _c1, …"),
        click.option("--format", "form", type=click.Choice(_FORMATS), help="Format of DATA, if it cannot be told."),
        click.option("--monitor", default="data-quality", show_default=True, help="Which monitor to run."),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="watchpost")
def watchpost() -> None:
    """Know what your model's data is doing: the open successor of Amazon SageMaker Model Monitor.

    \b
    Examples:
      watchpost baseline train.parquet -o baseline/
      watchpost check today.parquet --baseline baseline/ --html report.html
      watchpost demo
    """


@watchpost.command()
@click.argument("data")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
@click.option("--json", "as_json", is_flag=True, help="Print what was learned as JSON.")
@_reading
def baseline(
    data: str, output: Path, as_json: bool, monitor: str, form: str | None, no_header: bool, delimiter: str | None
) -> None:
    """Learn a baseline from DATA: statistics.json and constraints.json.

    DATA is a file, a folder, a glob or an s3:// URI of CSV, JSON lines, Parquet or capture files. The files written
    are those of SageMaker Model Monitor; edit constraints.json by hand to change what is checked.

    \b
    Examples:
      watchpost baseline train.parquet -o baseline/
      watchpost baseline 'exports/2024-*.csv.gz' -o baseline/
      watchpost baseline s3://bucket/training/ -o baseline/ --format csv --no-header
    """
    from watchpost import open_dataset
    from watchpost.data.quarantine import Quarantine
    from watchpost.fronts.progress import watched
    from watchpost.monitors import MONITORS

    with _errors_as_exit_code():
        quarantine = Quarantine()
        dataset = open_dataset(data, format=form, header=not no_header, delimiter=delimiter)
        with watched(dataset) as table:
            learned = MONITORS.load(monitor.replace("-", "_")).suggest_baseline(table, quarantine)
        learned.save(output)
        _tell_quarantine(quarantine)
        _print_learned(learned, output, quarantine, as_json=as_json)


@watchpost.command()
@click.argument("data")
@click.option("--baseline", "folder", type=click.Path(path_type=Path), help="Folder of the baseline.")
@click.option("--statistics", type=click.Path(path_type=Path), help="A statistics.json that lies elsewhere.")
@click.option("--constraints", type=click.Path(path_type=Path), help="A constraints.json that lies elsewhere.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the service's files and report.json.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the report as one self-contained page.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/report.schema.json).")
@click.option("--compat", is_flag=True, help="Reproduce the original service's verdicts, its defects included.")
@click.option("--drift-test", help="Decide drift by this test, e.g. psi or wasserstein, at its own threshold.")
@_reading
def check(
    data: str,
    folder: Path | None,
    statistics: Path | None,
    constraints: Path | None,
    output: Path | None,
    page: Path | None,
    as_json: bool,
    compat: bool,
    drift_test: str | None,
    monitor: str,
    form: str | None,
    no_header: bool,
    delimiter: str | None,
) -> None:
    """Check DATA against a baseline and say everything that is wrong with it.

    DATA is as for `watchpost baseline`; also the statistics.json of an earlier run. The baseline may be one that
    SageMaker Model Monitor made. Exit code: 0 clean, 1 violations, 2 bad input or usage.

    \b
    Examples:
      watchpost check today.parquet --baseline baseline/
      watchpost check s3://bucket/capture/endpoint/AllTraffic/2024/04/18/ --baseline baseline/ --html report.html
      watchpost check today.csv --baseline baseline/ --json | jq .violations
    """
    from watchpost.constraints.baseline import Baseline
    from watchpost.drift import load as load_test
    from watchpost.fronts.files import quarantine_into, write_execution
    from watchpost.monitors import MONITORS, Terms
    from watchpost.reports import ReadableReport

    if folder is None and statistics is None and constraints is None:
        raise click.UsageError("Give the baseline: --baseline DIR, or --statistics FILE and --constraints FILE.")
    with _errors_as_exit_code():
        known = Baseline.load(folder, statistics=statistics, constraints=constraints)
        chosen = MONITORS.load(monitor.replace("-", "_"))
        if drift_test is not None:
            load_test(drift_test)  # a typo is told now, not after an hour of reading
        with quarantine_into(output) as quarantine:
            seen = _observe(data, known, quarantine, monitor, form, header=not no_header, delimiter=delimiter)
        report = ReadableReport.of(chosen.judge(known, seen, Terms(compat, drift_test)))
        if output is not None:
            write_execution(output, seen, report)
        if page is not None:
            report.to_html(page)
        with _reader_may_leave():
            _print_report(report, page, as_json=as_json)
    sys.exit(CLEAN if report.ok else VIOLATIONS)


@watchpost.command()
@click.option("--data", type=click.Path(path_type=Path), help="A table of your own; its periods are compared.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="demo", show_default=True, help="Folder to write into."
)
def demo(data: Path | None, output: Path) -> None:
    """See it work: resale prices that drift, a baseline of the first period, and the report on the last.

    \b
    Examples:
      watchpost demo
      watchpost demo --data sales.parquet
    """
    from watchpost.fronts.demo import run_demo

    with _errors_as_exit_code():
        run_demo(data, output, _console())


def _observe(
    data: str,
    known: "Baseline",
    quarantine: "Quarantine",
    monitor: str,
    form: str | None,
    *,
    header: bool,
    delimiter: str | None,
) -> "Observation":
    from watchpost import open_dataset
    from watchpost.fronts.progress import watched
    from watchpost.monitors import MONITORS, observed_elsewhere

    seen = observed_elsewhere(data) if form is None else None
    if seen is not None:
        return seen
    dataset = open_dataset(data, format=form, header=header, delimiter=delimiter, names=known.column_names)
    with watched(dataset) as table:
        return MONITORS.load(monitor.replace("-", "_")).observe(known, table, quarantine)


@contextmanager
def _errors_as_exit_code() -> Iterator[None]:
    """What cannot be judged is said in a sentence on stderr, with exit code 2."""
    try:
        yield
    except WatchpostError as error:
        click.echo(f"watchpost: {error}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:
        click.echo(f"watchpost: {error.filename or 'I/O'}: {error.strerror or error}", err=True)
        sys.exit(BAD_INPUT)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """`| head -1` is no fault: the rest goes nowhere, and the exit code still tells the verdict."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more on its way out; that too must find somebody listening.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_report(report: "ReadableReport", page: Path | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(report.to_json(), nl=False)
        return
    console = _console()
    with console.capture() as printed:  # rich would end the process by itself when the reader is gone
        console.print(report)
    click.echo(printed.get(), nl=False)
    if page is not None:
        click.echo(f"The page to read: {page.resolve()}")


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _tell_quarantine(quarantine: "Quarantine") -> None:
    """Say on stderr what could not be read: learning goes on without it, but never in silence."""
    if not quarantine.total:
        return
    summary = quarantine.summary()
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in (summary.reasons or {}).items())
    first = summary.first[0]
    place = first.source if first.line is None else f"{first.source}, line {first.line}"
    records = "1 record" if summary.total == 1 else f"{summary.total:,} records"
    click.echo(f"watchpost: {records} could not be read ({reasons}); the first: {place}.", err=True)


def _print_learned(learned: "Baseline", output: Path, quarantine: "Quarantine", *, as_json: bool) -> None:
    statistics = learned.statistics
    assert statistics is not None
    if as_json:
        from msgspec import json

        document = {
            "baseline": str(output),
            "rows": statistics.item_count,
            "features": [{"name": f.name, "inferred_type": f.inferred_type} for f in statistics.features],
            "quarantined": quarantine.total,
        }
        click.echo(json.encode(document).decode())
        return
    kinds = [feature.inferred_type for feature in statistics.features]
    numeric = sum(kind in ("Integral", "Fractional") for kind in kinds)
    click.echo(
        f"Learned {len(kinds)} columns ({numeric} numeric, {len(kinds) - numeric} other) "
        f"from {statistics.item_count:,} rows of {learned.name}."
    )
    click.echo(f"Written: {output / 'statistics.json'}, {output / 'constraints.json'}")
