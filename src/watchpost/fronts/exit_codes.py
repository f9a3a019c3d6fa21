"""Exit codes of every command, and how an error becomes one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from watchpost.errors import WatchpostError

CLEAN, VIOLATIONS, BAD_INPUT = 0, 1, 2


@contextmanager
def errors_as_exit_code() -> Iterator[None]:
    """What cannot be done is said in a sentence on stderr, with exit code 2."""
    try:
        yield
    except WatchpostError as error:
        click.echo(f"watchpost: {error}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:
        click.echo(f"watchpost: {error.filename or 'I/O'}: {error.strerror or error}", err=True)
        sys.exit(BAD_INPUT)
