"""kill -9 at random points under load: what was acknowledged is there, what was done is not done again."""

import os
import random  # noqa: TID251  when to kill
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .load import (
    Load,
    data_is_there,
    events_are_there,
    free_port,
    nothing_was_told_twice,
    prepare,
    transitions_are_there,
)

# A fresh checkout shows it in a minute; WATCHPOST_KILLS=100 shows it at length.
KILLS = int(os.environ.get("WATCHPOST_KILLS", "12"))  # noqa: TID251  how long the test runs is the caller's choice


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(
    backend: str, request: pytest.FixtureRequest, served: Callable[..., Any], inbox: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    database = str(home / "watchpost.db") if backend == "sqlite" else request.getfixturevalue("postgresql_url")
    server = served("--port", free_port(), "--database", database, home=home)
    prepare(server, inbox, "a")
    load, chance = Load(server, "a"), random.Random(7)
    for _ in range(KILLS):
        load.run_until_killed(server.kill, chance.uniform(0.0, 0.5))
        server.start()
    data_is_there(server, load)
    events_are_there(server, load)
    transitions_are_there(server, load)
    nothing_was_told_twice(server, inbox, database, load)
