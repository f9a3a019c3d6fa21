from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest
import structlog
import uvicorn

from watchpost.fronts.aws.app import application
from watchpost.fronts.listening import uvicorn_settings
from watchpost.service.clock import ManualClock

from .house import House

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[list]:
    """What is logged, kept away from the terminal."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock) -> Iterator[House]:
    """A server of the test's own."""
    house = House(tmp_path / "home", clock)
    yield house
    house.close()


@pytest.fixture(scope="module")  # not longer: Playwright runs an event loop in this thread, which others need free
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright, not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"browser tests need {CHROMIUM}, not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def listening() -> Callable[[House], object]:
    """Serves a house over a real socket; the URL. What it is called by letters stays as it was configured."""

    @contextmanager
    def listen(house: House) -> Iterator[str]:
        with create_server(("127.0.0.1", 0)) as listener:
            web = uvicorn.Server(uvicorn_settings(application(house.server)))
            thread = Thread(target=web.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                web.should_exit = True
                thread.join(30)

    return listen
