"""`watchpost sign-in`: a link that lets a browser in. `watchpost sign-out`: end every browser's session."""

from pathlib import Path

import click

from watchpost.errors import Misconfigured
from watchpost.fronts.exit_codes import errors_as_exit_code

_HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WATCHPOST_HOME",
    default=".watchpost",
    show_default=True,
    help="The server's folder.",
)


@click.command("sign-in")
@_HOME
def sign_in(home: Path) -> None:
    """Print a link that signs one browser in, once, within 15 minutes; the session lasts 30 days.

    \b
    Examples:
      watchpost sign-in
      watchpost sign-in --home /var/lib/watchpost
    """
    with errors_as_exit_code():
        from watchpost.service.clock import SystemClock
        from watchpost.service.home import address, facts, running
        from watchpost.service.sign_in import new_link

        url = address(home)
        if url is None:
            raise Misconfigured("--home", str(home), "a folder in which `watchpost serve` was started before")
        click.echo(new_link(facts(home).base_url or url, home, SystemClock().now()))
        if not running(home):
            click.echo(f"watchpost: no server runs in {home} now; the link works once one does", err=True)


@click.command("sign-out")
@_HOME
def sign_out(home: Path) -> None:
    """Sign every browser out and void every link: for a lost phone, or a link that went astray.

    \b
    Examples:
      watchpost sign-out
    """
    with errors_as_exit_code():
        from watchpost.service.home import address
        from watchpost.service.sign_in import end_all_sessions

        if address(home) is None:
            raise Misconfigured("--home", str(home), "a folder in which `watchpost serve` was started before")
        end_all_sessions(home)
        click.echo("Every browser is signed out. watchpost sign-in prints a link that lets one in again.")
