from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from watchpost.service.configuration import Configuration
from watchpost.service.server import Server, open_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a store of its own, shared by tests that change nothing in it."""
    home: Path = tmp_path_factory.mktemp("home")
    with open_server(Configuration(home)) as server:
        yield server


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[list]:
    """What is logged, kept away from the terminal."""
    with structlog.testing.capture_logs() as lines:
        yield lines
