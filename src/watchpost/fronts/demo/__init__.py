"""The demo: see the whole loop work, from an endpoint's traffic to the message that names what moved.

| module | what it holds |
|---|---|
| `story` | the loop, told hour by hour |
| `narration` | how it is told |
| `watched` | the endpoint and all that watches it, as an API client makes and uses them |
| `monitors` | the requests that make the four monitors |
| `client` | operations of the AWS services, asked within this process |
| `hours` | simulated hours |
| `inbox` | where the alarms' letters arrive |
| `fitting`, `price_model` | the model: how it is fitted, and the code that serves it |
| `resale` | made-up sales of flats, and what a careless change makes of them |
| `own_table` | a table and its periods: baseline, check, page; needs no server |
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from watchpost.fronts.demo.own_table import check_table
from watchpost.fronts.demo.resale import mishandle, resale_prices

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["check_table", "mishandle", "resale_prices", "run_demo"]

_SERVER = ("sqlalchemy", "starlette", "botocore", "structlog", "apprise", "psutil")


def run_demo(out: Path, console: "Console", now: datetime, hours: int, sales: int) -> None:
    """The whole loop (see `story.run_loop`), or, where the server is not installed, the check of one table.

    Args: hours: simulated, 3 to 24, and ending about `now`. sales: valued in each of them.
    Raises: WatchpostError.
    """
    from importlib.util import find_spec

    missing = [name for name in _SERVER if find_spec(name) is None]
    if missing:
        console.print(
            f"The whole loop needs the server (missing: {', '.join(missing)}): pip install 'watchpost[server]'. "
            "Without it, here is a check of two periods:\n",
            markup=False,
            soft_wrap=True,
        )
        check_table(None, out, console)
        return
    from watchpost.fronts.demo.story import Plot, run_loop

    run_loop(out, console, now, Plot(hours, sales))
