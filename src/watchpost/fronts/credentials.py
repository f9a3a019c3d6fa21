"""`watchpost credentials`: give somebody a key pair of their own, and take it back, while the server runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchpost.errors import Misconfigured
from watchpost.fronts.exit_codes import errors_as_exit_code
from watchpost.fronts.running_server import AS_JSON, HOME

if TYPE_CHECKING:
    from watchpost.service.credentials import Credentials


@click.group()
def credentials() -> None:
    """Key pairs that sign requests: one for each person or program, so that one can be taken back alone.

    They are kept in the file `credentials` of the home folder, which only its owner can read. What is added or removed
    counts from the next request on, the server running or not.

    \b
    Examples:
      watchpost credentials add grafana
      watchpost credentials list
      watchpost credentials remove grafana
    """


@credentials.command()
@click.argument("name")
@HOME
@AS_JSON
def add(name: str, home: Path, as_json: bool) -> None:
    """Make a key pair called NAME and print it, this once, as a section of an AWS credentials file.

    \b
    Examples:
      watchpost credentials add grafana
      watchpost credentials add ci --home /var/lib/watchpost >> ~/.aws/credentials
    """
    with errors_as_exit_code():
        pair = _of(home).add(name)
    members = {"aws_access_key_id": pair.access_key, "aws_secret_access_key": pair.secret}
    if as_json:
        click.echo(json.dumps({"name": name, **members}, indent=2))
        return
    click.echo("\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in members.items())]))
    click.echo("watchpost: this secret is not printed again; hand it over by a way that others cannot read.", err=True)


@credentials.command("list")
@HOME
@AS_JSON
def list_(home: Path, as_json: bool) -> None:
    """Print the names and access keys, never a secret."""
    with errors_as_exit_code():
        found = _of(home).access_keys
    if as_json:
        click.echo(json.dumps([{"name": name, "access_key": key} for name, key in found.items()], indent=2))
        return
    width = max(map(len, found), default=0)
    for name, key in found.items():
        click.echo(f"{name:{width}}  {key}")


@credentials.command()
@click.argument("name")
@HOME
def remove(name: str, home: Path) -> None:
    """Take the key pair NAME back: requests signed with it are refused from now on.

    \b
    Examples:
      watchpost credentials remove grafana
    """
    with errors_as_exit_code():
        known = _of(home)
        pair = known.remove(name)
        left = known.access_keys
    click.echo(f"Removed {name} ({pair.access_key}).")
    if not left:
        click.echo("watchpost: no key pair is left, so every request is refused; add one to go on.", err=True)


def _of(home: Path) -> "Credentials":
    from watchpost.service.credentials import Credentials

    if not (home / "credentials").exists():
        raise Misconfigured("--home", str(home), "a folder in which `watchpost serve` was started before")
    return Credentials(home)
