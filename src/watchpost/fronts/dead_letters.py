"""`watchpost dead-letters`: see what was given up or cut off by a crash, and decide what becomes of it."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchpost.errors import InputError
from watchpost.fronts.exit_codes import errors_as_exit_code
from watchpost.fronts.running_server import AS_JSON, SERVER, answers_of, session_with_server

if TYPE_CHECKING:
    from botocore.client import BaseClient  # type: ignore[import-untyped]  # botocore ships no type information

Letter = Mapping[str, Any]  # a member of botocore's answer, which has no types

_NONE = "watchpost: there are none."
_QUEUE = click.option("--queue", metavar="NAME", help="Those of one queue.")
_OUTCOME = click.option("--outcome", type=click.Choice(["failed", "unknown"]), help="Those with this outcome.")
_ALL = click.option("--all", "every", is_flag=True, help="All of them, or all that --queue and --outcome select.")


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages, invocations and runs that left their queue undone.

    `failed`: every attempt is known to have failed. `unknown`: the server stopped in the middle of an attempt, which
    may or may not have had its effect; nothing does it again but you. Each is kept for two weeks; what you decide
    stands in the journal.

    \b
    Examples:
      watchpost dead-letters list
      watchpost dead-letters redrive deliver-webhook/00000000000000000017
    """


@dead_letters.command("list")
@_QUEUE
@_OUTCOME
@SERVER
@AS_JSON
def list_(queue: str | None, outcome: str | None, home: Path | None, as_json: bool) -> None:
    """Print dead letters, a line each: key, outcome, when, what it was for, why.

    \b
    Examples:
      watchpost dead-letters list
      watchpost dead-letters list --outcome unknown --json
    """
    with errors_as_exit_code():
        client, url = _client(home)
        with answers_of(url):
            found = list(_selected(client, queue, outcome))
    if as_json:
        click.echo(json.dumps(found, default=_instant, indent=2))
        return
    for letter in found:
        columns = letter["Key"], letter["Outcome"], _instant(letter["DiedAt"]), letter["Subject"], letter["Reason"]
        click.echo("  ".join(columns))
    if not found:
        click.echo(_NONE, err=True)


@dead_letters.command()
@click.argument("key")
@SERVER
def show(key: str, home: Path | None) -> None:
    """Print one dead letter with the work itself, as JSON."""
    with errors_as_exit_code():
        client, url = _client(home)
        with answers_of(url):
            answer = client.get_dead_letter(Key=key)
    try:
        body = json.loads(answer["Body"])
    except ValueError:
        body = answer["Body"]
    click.echo(json.dumps({**answer["DeadLetter"], "Body": body}, default=_instant, indent=2))


@dead_letters.command()
@click.argument("keys", nargs=-1, metavar="[KEY…]")
@_ALL
@_QUEUE
@_OUTCOME
@SERVER
def redrive(keys: tuple[str, ...], every: bool, queue: str | None, outcome: str | None, home: Path | None) -> None:
    """Put dead letters back into their queues, to be tried at once.

    What an `unknown` one was may have had its effect already: then it has it twice.

    \b
    Examples:
      watchpost dead-letters redrive deliver-webhook/00000000000000000017
      watchpost dead-letters redrive --all --outcome failed
    """
    with errors_as_exit_code():
        client, url = _client(home)
        with answers_of(url):
            for key in _meant(client, keys, every, queue, outcome):
                task = client.redrive_dead_letter(Key=key)["Task"]
                click.echo(f"{key} is task {task} now.")


@dead_letters.command()
@click.argument("keys", nargs=-1, metavar="[KEY…]")
@_ALL
@_QUEUE
@_OUTCOME
@SERVER
def drop(keys: tuple[str, ...], every: bool, queue: str | None, outcome: str | None, home: Path | None) -> None:
    """Forget dead letters; the journal keeps what they were.

    \b
    Examples:
      watchpost dead-letters drop invocations/00000000000000000042
    """
    with errors_as_exit_code():
        client, url = _client(home)
        with answers_of(url):
            for key in _meant(client, keys, every, queue, outcome):
                client.drop_dead_letter(Key=key)
                click.echo(f"{key} is dropped.")


def _client(home: Path | None) -> tuple["BaseClient", str]:
    session, url = session_with_server(home)
    from watchpost.fronts.aws.model import OWN_MODELS

    session.get_component("data_loader").search_paths.append(str(OWN_MODELS))
    return session.create_client("watchpost", endpoint_url=url), url


def _selected(client: "BaseClient", queue: str | None, outcome: str | None) -> Iterator[Letter]:
    wanted = {name: value for name, value in (("Queue", queue), ("Outcome", outcome)) if value}
    for page in client.get_paginator("list_dead_letters").paginate(**wanted):
        yield from page["DeadLetters"]


def _meant(
    client: "BaseClient", keys: tuple[str, ...], every: bool, queue: str | None, outcome: str | None
) -> list[str]:
    """The keys that were given, or those of all that were selected. Raises: InputError: neither or both."""
    if bool(keys) == every:
        raise InputError("Which dead letters? Give their keys, or --all (with --queue or --outcome, if you like).")
    if keys and (queue or outcome):
        raise InputError("--queue and --outcome select among --all; give keys or those, not both.")
    meant = list(keys) or [letter["Key"] for letter in _selected(client, queue, outcome)]
    if not meant:
        click.echo(_NONE, err=True)
    return meant


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
