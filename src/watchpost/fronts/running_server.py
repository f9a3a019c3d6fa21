"""How a command finds the server it speaks to, and the options that say so."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchpost import __version__
from watchpost.errors import InputError, Misconfigured

if TYPE_CHECKING:
    from botocore.session import Session  # type: ignore[import-untyped]  # botocore ships no type information

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WATCHPOST_HOME",
    default=".watchpost",
    show_default=True,
    help="Home folder of the server.",
)
"""The home folder, for commands that work on its files."""

SERVER = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Home folder of the server, instead of AWS_ENDPOINT_URL.",
)
"""Where the server is, for commands that speak to it."""

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def session_with_server(home: Path | None) -> tuple["Session", str]:
    """A session of botocore with keys and region, and the address of the server.

    It is the server that AWS_ENDPOINT_URL names, or the one of `home`, of WATCHPOST_HOME, of ./.watchpost. Raises:
    Misconfigured: there is none.
    """
    try:
        from botocore.session import Session
    except ImportError:
        expected = "installed with the server: pip install 'watchpost[server]'"
        raise Misconfigured("This watchpost", __version__, expected) from None
    session = Session()
    url = os.environ.get("AWS_ENDPOINT_URL")
    if home is None and url:
        return session, url
    from watchpost.fronts.environment import environment

    folder = home or Path(os.environ.get("WATCHPOST_HOME") or ".watchpost")
    if not (folder / "address").exists():
        raise Misconfigured("--home", str(folder), "a server's home folder, or AWS_ENDPOINT_URL must name its address")
    about = environment(folder.resolve(), "default")
    session.set_credentials(about["AWS_ACCESS_KEY_ID"], about["AWS_SECRET_ACCESS_KEY"])
    session.set_config_variable("region", about["AWS_REGION"])
    return session, about["AWS_ENDPOINT_URL"]


@contextmanager
def answers_of(url: str) -> Iterator[None]:
    """What botocore raises, as an error in a sentence. Raises: InputError."""
    from botocore.exceptions import (  # type: ignore[import-untyped]  # botocore ships no type information
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
    )

    try:
        yield
    except EndpointConnectionError as error:
        raise InputError(f"No server answers at {url}. Start it with `watchpost serve`.") from error
    except ClientError as error:
        raise InputError(f"{url}: {error.response['Error'].get('Message') or error}") from error
    except BotoCoreError as error:
        raise InputError(f"{url}: {error}") from error
