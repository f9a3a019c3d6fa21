"""The command line: one command for each thing people do, `watchpost --help` lists them.

Exit codes: 0 clean, 1 violations, 2 bad input or usage. Only messages go to stderr; results go to stdout.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchpost import __version__
from watchpost.fronts.cpu import numpy_settings
from watchpost.fronts.credentials import credentials
from watchpost.fronts.dead_letters import dead_letters
from watchpost.fronts.exit_codes import CLEAN, VIOLATIONS, errors_as_exit_code
from watchpost.fronts.labels import labels
from watchpost.fronts.options import Describing, Reading, describing, reading
from watchpost.fronts.run import run
from watchpost.fronts.serve import env, serve
from watchpost.fronts.sign_in import sign_in, sign_out

if TYPE_CHECKING:
    from rich.console import Console

    from watchpost.data.quarantine import Quarantine
    from watchpost.monitors import Learned, LearnedSummary, Monitor
    from watchpost.reports import ReadableReport


def main() -> None:
    """The entry point of the command `watchpost`."""
    os.environ.update(numpy_settings(os.environ))
    watchpost(prog_name="watchpost")


def _show_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        from watchpost import kernels

        compiled = "with compiled kernels" if kernels.available() else "without compiled kernels"
        click.echo(f"watchpost, version {__version__}, {compiled}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and whether the innermost loops are compiled.",
)
def watchpost() -> None:
    """Know what your model's data is doing: the open successor of Amazon SageMaker Model Monitor.

    \b
    Examples:
      watchpost baseline train.parquet -o baseline/
      watchpost check today.parquet --baseline baseline/ --html report.html
      watchpost demo
      watchpost serve
    """


watchpost.add_command(serve)
watchpost.add_command(env)
watchpost.add_command(sign_in)
watchpost.add_command(sign_out)
watchpost.add_command(labels)
watchpost.add_command(run)
watchpost.add_command(credentials)
watchpost.add_command(dead_letters)


@watchpost.command()
@click.argument("data")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
@click.option("--json", "as_json", is_flag=True, help="Print what was learned as JSON.")
@reading
@describing
def baseline(data: str, output: Path, as_json: bool, reading: Reading, about: Describing) -> None:
    """Learn a baseline from DATA: statistics.json and constraints.json.

    DATA is a file, a folder, a glob or an s3:// URI of CSV, JSON lines, Parquet or capture files. The files written
    are those of SageMaker Model Monitor; edit constraints.json by hand to change what is checked.

    \b
    Examples:
      watchpost baseline train.parquet -o baseline/
      watchpost baseline 'exports/2024-*.csv.gz' -o baseline/
      watchpost baseline s3://bucket/training/ -o baseline/ --format csv --no-header
    """
    from watchpost.data.quarantine import Quarantine
    from watchpost.fronts.progress import watched
    from watchpost.monitors import MONITORS

    with errors_as_exit_code():
        quarantine = Quarantine()
        chosen = MONITORS.load(about.monitor)
        with watched(reading.open(data)) as table:
            learned = chosen.suggest_baseline(table, about.settings(), quarantine)
        learned.save(output)
        _tell_quarantine(quarantine)
        _print_learned(chosen.summary(learned), output, quarantine, as_json=as_json)


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
@reading
@describing
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
    reading: Reading,
    about: Describing,
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
    if (statistics or constraints) and about.monitor != "data_quality":
        raise click.UsageError("--statistics and --constraints are of data-quality; give --baseline DIR.")
    with errors_as_exit_code():
        chosen = MONITORS.load(about.monitor)
        if folder is not None and statistics is None and constraints is None:
            known = chosen.load(folder)
        else:
            known = Baseline.load(folder, statistics=statistics, constraints=constraints)
        if drift_test is not None:
            load_test(drift_test)  # a typo is told now, not after an hour of reading
        with quarantine_into(output) as quarantine:
            seen = _observe(chosen, data, known, quarantine, reading, about)
        report = ReadableReport.of(chosen.judge(known, seen, Terms(compat, drift_test)))
        if output is not None:
            write_execution(output, chosen.files(seen, report), report)
        if page is not None:
            report.to_html(page)
        with _reader_may_leave():
            _print_report(report, page, as_json=as_json)
    sys.exit(CLEAN if report.ok else VIOLATIONS)


@watchpost.command()
@click.option("--data", type=click.Path(path_type=Path), help="A table of your own: only its periods are compared.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="demo", show_default=True, help="Folder to write into."
)
@click.option("--hours", type=click.IntRange(3, 24), default=8, show_default=True, help="Simulated hours.")
@click.option(
    "--sales", type=click.IntRange(40, 5000), default=300, show_default=True, help="Flats valued in each hour."
)
def demo(data: Path | None, output: Path, hours: int, sales: int) -> None:
    """See it work: a model that values flats, watched for some hours in which everything goes wrong.

    An endpoint with data capture, four monitors on hourly schedules, a broken column and real drift, alarms, a message
    that names what moved, and late labels. It takes a minute or two and leaves a server's home folder to look into.

    \b
    Examples:
      watchpost demo
      watchpost demo --hours 3 --sales 60
      watchpost demo --data sales.parquet
    """
    from datetime import UTC, datetime

    from watchpost.fronts.demo import check_table, run_demo

    with errors_as_exit_code():
        if data is not None:
            check_table(data, output, _console())
        else:
            run_demo(output, _console(), datetime.now(UTC), hours, sales)


def _observe(
    chosen: "Monitor[Any, Any]",  # a member's baseline and observation are its own, see monitors
    data: str,
    known: "Learned",
    quarantine: "Quarantine",
    reading: Reading,
    about: Describing,
) -> object:
    from watchpost.fronts.progress import watched

    seen = chosen.recall(data) if chosen.recall is not None and reading.form is None else None
    if seen is not None:
        return seen
    with watched(reading.open(data, known.column_names)) as table:
        return chosen.observe(known, table, about.settings(), quarantine)


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


def _print_learned(summary: "LearnedSummary", output: Path, quarantine: "Quarantine", *, as_json: bool) -> None:
    if not as_json:
        click.echo(summary.sentence)
        click.echo(f"Written: {', '.join(str(output / name) for name in summary.files)}")
        return
    from msgspec import json

    document = {
        "baseline": str(output),
        "rows": summary.rows,
        "features": [{"name": name, "inferred_type": kind} for name, kind in summary.features],
        "quarantined": quarantine.total,
    }
    click.echo(json.encode(document).decode())
