"""`watchpost serve`: the whole server in one process. `watchpost env`: point the AWS tools at it."""

import contextlib
import gc
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchpost import __version__
from watchpost.errors import Misconfigured
from watchpost.fronts.exit_codes import errors_as_exit_code

if TYPE_CHECKING:
    pass

_HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WATCHPOST_HOME",
    default=".watchpost",
    show_default=True,
    help="Folder the server keeps everything in.",
)


@click.command()
@_HOME
@click.option("--host", envvar="WATCHPOST_HOST", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    envvar="WATCHPOST_PORT",
    type=click.IntRange(0, 65535),
    default=8790,
    show_default=True,
    help="Port to listen at; 0 takes any that is free.",
)
@click.option(
    "--database", envvar="WATCHPOST_DATABASE", help="postgresql://user@host/name; default: SQLite in the home."
)
@click.option(
    "--objects",
    envvar="WATCHPOST_OBJECTS",
    help="s3://bucket/prefix or a folder to keep objects in; default: the home's folder objects.",
)
@click.option("--region", envvar="WATCHPOST_REGION", default="us-east-1", show_default=True, help="Region in ARNs.")
@click.option(
    "--account", envvar="WATCHPOST_ACCOUNT", default="000000000000", show_default=True, help="Account in ARNs."
)
@click.option("--base-url", envvar="WATCHPOST_BASE_URL", help="How others reach the server; links in messages use it.")
@click.option(
    "--log-level",
    envvar="WATCHPOST_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged; debug tells of every request.",
)
def serve(
    home: Path,
    host: str,
    port: int,
    database: str | None,
    objects: str | None,
    region: str,
    account: str,
    base_url: str | None,
    log_level: str,
) -> None:
    """Run the server: metrics, logs, alarms, topics and rules for every AWS client, in one process.

    Everything is kept in the home folder. Stop it with Ctrl+C or SIGTERM: requests finish first. Exit code: 0 stopped,
    2 could not start.

    \b
    Examples:
      watchpost serve
      watchpost serve --home /var/lib/watchpost --host 0.0.0.0 --base-url https://watchpost.example.com
      watchpost serve --port 0 --database postgresql://watchpost@db/watchpost
    """
    with errors_as_exit_code(), _garbage_left_alone():
        _need_server_extra()
        from watchpost.service.home import Lock, prepared

        # Whatever is written from here on is the owner's alone.
        os.umask(0o077)
        with Lock(prepared(home)):
            from watchpost.fronts.listening import listening_socket, serve_until_told
            from watchpost.service.configuration import configured
            from watchpost.service.log_output import log_into

            with listening_socket(host, port) as listener:
                configuration = configured(
                    home=home.resolve(),
                    host=host,
                    port=listener.getsockname()[1],
                    database=database,
                    objects=objects,
                    region=region,
                    account=account,
                    base_url=base_url,
                )
                log_into(configuration.home / "logs", log_level, sys.stderr)
                serve_until_told(configuration, listener, click.echo)


@click.command()
@_HOME
@click.option("--json", "as_json", is_flag=True, help="Print the variables as a JSON object.")
@click.option("--profile", default="default", show_default=True, help="Which key pair of the credentials file.")
def env(home: Path, as_json: bool, profile: str) -> None:
    """Print the lines that point boto3, the AWS CLI and the SageMaker SDK at the running server.

    \b
    Examples:
      eval "$(watchpost env)"
      watchpost env --home /var/lib/watchpost --json
    """
    with errors_as_exit_code():
        from watchpost.fronts.environment import environment
        from watchpost.service.home import running

        if not (home / "address").exists():
            raise Misconfigured("--home", str(home), "a folder in which `watchpost serve` was started before")
        variables = environment(home.resolve(), profile)
        if not running(home):
            click.echo(f"watchpost: no server runs in {home} now; start it with: {_serve_line(home)}", err=True)
    if as_json:
        click.echo(json.dumps(variables, indent=2))
    else:
        click.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """What a start loads stays: looking through it again and again for garbage takes a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _serve_line(home: Path) -> str:
    return "watchpost serve" if home == Path(".watchpost") else f"watchpost serve --home {shlex.quote(str(home))}"


def _need_server_extra() -> None:
    """Say what to install when the server's libraries are not there, instead of a traceback."""
    from importlib.util import find_spec

    missing = [name for name in ("sqlalchemy", "starlette", "uvicorn", "botocore", "structlog") if not find_spec(name)]
    if missing:
        expected = f"installed with the server (missing: {', '.join(missing)}): pip install 'watchpost[server]'"
        raise Misconfigured("This watchpost", __version__, expected)
