"""The HTTP server around the application: a socket, uvicorn, signals, and an orderly end."""

import contextlib
import gc
import shlex
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn

from watchpost import __version__
from watchpost.errors import Misconfigured
from watchpost.fronts.environment import write_sagemaker_config
from watchpost.service.configuration import Configuration, url_of
from watchpost.service.home import write_address
from watchpost.service.server import Server, open_server
from watchpost.service.sign_in import new_link

# How long requests may take to finish once the server was told to stop.
_LAST_REQUESTS_SECONDS = 15
# Longer than AWS clients keep an unused connection (botocore does not say; the CDNs in front of AWS use 60 s).
_KEEP_ALIVE_SECONDS = 65


@contextlib.contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A bound TCP socket; port 0 takes any that is free. Raises: Misconfigured: the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        why = (problem.strerror or str(problem)).partition(" (while")[0]
        expected = f"an address of this machine that is free ({why}); --port chooses another, --port 0 any free one"
        raise Misconfigured("The address to listen at", f"{host}:{port}", expected) from problem
    # Connections inherit it. asyncio does this by itself only for sockets that name TCP as their protocol; without it
    # an answer's body waits for the client's delayed acknowledgement of its head: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


def serve_until_told(configuration: Configuration, listener: socket.socket, say: Callable[[str], None]) -> None:
    """Open the server, answer requests until SIGINT or SIGTERM, finish what was begun, close.

    `say` gets the one message for people once the server answers. Raises: what `open_server` raises.
    """
    from watchpost.fronts.aws.app import application

    with open_server(configuration) as server:
        web = _Web(uvicorn_settings(application(server)), lambda: _ready(server, say))
        # Models and code live as long as the process: the collector need not walk through them again and again.
        gc.collect()
        gc.freeze()
        gc.enable()
        with web.stopped_by_signals():
            server.start()
            web.run(sockets=[listener])


def uvicorn_settings(app: Callable[..., Awaitable[None]]) -> uvicorn.Config:
    """How uvicorn runs: one process, the fast parser, logging left to us."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
    )


class _Web(uvicorn.Server):
    """uvicorn that says when it is ready and leaves the signals to `stopped_by_signals`.

    Its own treatment raises a caught signal again at the end, which would kill the process before the store is closed.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop it in good order, a second SIGINT at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)


def _ready(server: Server, say: Callable[[str], None]) -> None:
    configuration = server.configuration
    url = url_of(configuration.host, configuration.port)
    write_sagemaker_config(configuration.home, configuration.region, configuration.account)
    write_address(configuration.home, url, configuration.region, configuration.account, configuration.base_url)
    home = str(configuration.home)
    option = "" if home == str(Path(".watchpost").resolve()) else f" --home {shlex.quote(home)}"
    say(
        f"Watchpost {__version__} is running at {url}\n"
        f"  home            {home}\n"
        f'  for AWS clients eval "$(watchpost env{option})"\n'
        f"  to sign in      {new_link(configuration.base_url, configuration.home, server.clock.now())}\n"
        f"                  (once, within 15 minutes; watchpost sign-in{option} prints another)\n"
        "  to stop         Ctrl+C"
    )
