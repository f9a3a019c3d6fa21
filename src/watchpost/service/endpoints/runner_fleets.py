"""The fleet of a variant: its own processes, or a server that runs elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Protocol

from watchpost.runners import Connections, Settings, Unreachable, Upstream, plan
from watchpost.service.endpoints.documents import Variant
from watchpost.service.endpoints.runner_processes import ProcessFleet, Spawn

_PROBE_SECONDS, _PROBE_TIMEOUT = 0.25, 2.0


class Fleet(Protocol):
    """What serves a variant."""

    @property
    def path(self) -> str:
        """Where invocations are posted."""

    @property
    def restarts(self) -> bool:
        """Whether an instance that fell is started again, so that waiting for one makes sense."""

    @property
    def failure(self) -> str | None:
        """Why it does not become healthy; None: it may still."""

    @property
    def healthy(self) -> int:
        """How many of its instances are ready for traffic."""

    def server(self, seconds: float) -> AbstractContextManager[tuple[str, Connections] | None]:
        """(instance, connections) to ask, waiting so long for one that is ready; None: none was."""

    def scale(self, instances: int) -> None:
        """Have so many instances."""

    def stop(self) -> None:
        """End at once what runs for it."""


class UpstreamFleet:
    """A server that runs elsewhere; it gets traffic once it has answered its health check with 200."""

    def __init__(self, upstream: Upstream, name: str, instances: int, startup_seconds: float, *, checked: bool) -> None:
        """`checked` False: it served before and gets traffic at once; each answer will tell how it fares."""
        self._name = name
        self.path, self.restarts = upstream.invocations, False
        self.failure: str | None = None
        self._upstream, self._instances, self._startup = upstream, instances, startup_seconds
        self._connections = Connections(upstream.url)
        self._answered, self._stop = Event(), Event()
        if not checked or upstream.ping is None:
            self._answered.set()
        else:
            Thread(target=self._probe, args=(upstream.ping,), name=f"ping {upstream.url}", daemon=True).start()

    @property
    def healthy(self) -> int:
        """All instances that somebody says there are, once it has answered."""
        return self._instances if self._answered.is_set() else 0

    @contextmanager
    def server(self, seconds: float) -> Iterator[tuple[str, Connections] | None]:
        """See `Fleet`."""
        yield (self._name, self._connections) if self._answered.wait(seconds) else None

    def scale(self, instances: int) -> None:
        """Remember how many instances there are said to be."""
        self._instances = instances

    def stop(self) -> None:
        """Hang up."""
        self._stop.set()
        self._connections.close()

    def _probe(self, path: str) -> None:
        until, why = monotonic() + self._startup, ""
        while not self._stop.is_set():
            try:
                status = self._connections.get(path, _PROBE_TIMEOUT).status
                if status == 200:
                    self._answered.set()
                    return
                why = f"it answered {status}"
            except Unreachable as problem:
                why = str(problem)
            if monotonic() > until:
                self.failure = f"{self._upstream.url}{path} was not healthy within {self._startup:g} seconds: {why}"
                return
            self._stop.wait(_PROBE_SECONDS)


class FleetFactory:
    """Makes fleets by the settings of the server's owner.

    Args: fetch: the file or folder a location of model data means. log: takes what processes print (endpoint, variant,
    instance, lines). folder: where processes run.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        fetch: Callable[[str], Path],
        log: Callable[[str, str, str, list[str]], None],
    ) -> None:
        self.settings = settings
        self._folder, self._fetch, self._log = folder, fetch, log

    def fleet(self, endpoint: str, variant: Variant, name: str, *, checked: bool) -> Fleet:
        """A fleet that begins to start. `name`: of its processes. Raises: NoRunner: it cannot be run here."""
        limits = self.settings.limits
        startup = float(variant.startup_seconds or limits.startup_seconds)
        planned = plan(variant.container, self.settings)
        if isinstance(planned, Upstream):
            return UpstreamFleet(planned, name, variant.instances, startup, checked=checked)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

        def log(instance: str, lines: list[str]) -> None:
            self._log(endpoint, variant.name, instance, lines)

        spawn = Spawn(planned, limits, self._folder, self._fetch, log)
        return ProcessFleet(spawn, name, variant.instances, startup)
