"""The processes of runners: started, watched, asked, started again when they fall, stopped.

Each variant has a fleet: processes of its own (`ProcessFleet`), or a server that runs elsewhere (`UpstreamFleet`).
"""

import os
import secrets
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import IO

import msgspec
import structlog

from watchpost.runners import Connections, Job, Limits, Unreachable

_log = structlog.get_logger(__name__)
_MODULE = "watchpost.runners._worker"
# A runner's process sees no secret of the server's environment; these make interpreters and libraries work.
_INHERITED = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "PATH",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
)
_PING_PART, _MOST_MISSED = 0.4, 3
_FIRST_PAUSE, _LONGEST_PAUSE, _STEADY_SECONDS = 0.5, 60.0, 60.0
_END_SECONDS = 5.0
# Longer than any pause of a worker's own connections: its server keeps them a day.
_IDLE_SECONDS = 3600.0
_SAID_LINES, _LONGEST_LINE = 20, 8192


@dataclass(frozen=True, slots=True)
class Spawn:
    """How processes of one variant are started.

    Args: fetch: the file or folder that a location of model data means; raises whatever keeps it from being had.
    log: takes lines a process printed: (instance, lines). folder: where they run. ping_seconds: between health checks;
    an answer may take two fifths of that.
    """

    job: Job
    limits: Limits
    folder: Path
    fetch: Callable[[str], Path]
    log: Callable[[str, list[str]], None]
    threads: int = 4
    ping_seconds: float = 5.0


class RunnerProcess:
    """One process, kept running until `stop`: a thread starts it, pings it, and starts it again when it falls."""

    def __init__(self, spawn: Spawn, instance: str, startup_seconds: float, changed: Callable[[], None]) -> None:
        """`changed` is called, from any thread, whenever it became ready, fell or failed to start."""
        self.instance, self._spawn, self._startup, self._changed = instance, spawn, startup_seconds, changed
        self.connections: Connections | None = None
        self.failure: str | None = None
        self.restarts = 0
        self.in_flight = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=_SAID_LINES)
        self._stop = Event()
        self._thread = Thread(target=self._supervise, name=f"runner {instance}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of the process, while it is ready."""
        process = self._process
        return process.pid if process is not None and self.connections is not None else None

    def stop(self) -> None:
        """End the process, and wait for that. Stopping twice is no fault."""
        self._stop.set()
        process = self._process
        if process is not None:
            _end(process)
        if self._thread.ident is not None:
            self._thread.join(_END_SECONDS)

    def _supervise(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = monotonic()
            try:
                self._live()
            except Exception as problem:  # noqa: BLE001  no data, no memory, no file handles: whatever it is may pass
                self.failure = f"{type(problem).__name__}: {problem}"
                _log.warning("a runner cannot start", runner=self.instance, why=self.failure, exc_info=True)
            self.connections = None
            self._changed()
            if self._stop.is_set():
                return
            if self.failure is not None:
                self._spawn.log(self.instance, [f"The process did not start: {self.failure}"])
            pause = _FIRST_PAUSE if monotonic() - began > _STEADY_SECONDS else pause
            self._stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1

    def _live(self) -> None:
        """One life of the process, from its start to its end."""
        spawn = self._spawn
        data = str(spawn.fetch(spawn.job.data)) if spawn.job.data else ""
        token = secrets.token_hex(16)
        order = {
            "job": spawn.job,
            "token": token,
            "data": data,
            "memory_bytes": spawn.limits.memory_mb * 1024 * 1024,
            "threads": spawn.threads,
            "stuck_seconds": spawn.limits.invocation_seconds * 1.5,
        }
        process = subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
            # -P: what lies in the working folder must not be imported.
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables(os.environ),
            cwd=spawn.folder,
            # Ctrl+C in a terminal is for the server, which stops its runners when it has answered.
            start_new_session=True,
        )
        self._process, ended = process, Event()
        Thread(target=self._await_end, args=(process, ended), name=f"{self.instance} end", daemon=True).start()
        Thread(target=self._read, args=(process.stderr,), name=f"{self.instance} says", daemon=True).start()
        try:
            if self._stop.is_set():  # it came before there was a process to end
                return
            _hand_over(process, msgspec.json.encode(order) + b"\n")
            port = self._ready(process, ended)
            if port is not None:
                self.failure = None
                url, headers = f"http://127.0.0.1:{port}", {"x-watchpost-runner": token}
                self.connections = connections = Connections(url, headers, idle_seconds=_IDLE_SECONDS, hangs_up=False)
                self._changed()
                try:
                    self._watch(connections, ended)
                finally:
                    self.connections = None
                    connections.close()
        finally:
            _end(process)
            ended.wait(_END_SECONDS)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _ready(self, process: "subprocess.Popen[bytes]", ended: Event) -> int | None:
        """The port at which it answers; None when it ended or took too long, and `failure` says so."""
        told: SimpleQueue[bytes] = SimpleQueue()
        assert process.stdout is not None
        stdout = process.stdout
        Thread(target=lambda: told.put(stdout.readline()), name=f"{self.instance} port", daemon=True).start()
        try:
            line = told.get(timeout=self._startup)
        except Empty:
            self.failure = f"it was not ready within {self._startup:g} seconds{self._last_words()}"
            return None
        if not line:
            ended.wait(_END_SECONDS)
            self.failure = f"its process ended while it started{self._last_words()}"
            return None
        return msgspec.json.decode(line, type=dict[str, int])["port"]

    def _watch(self, connections: Connections, ended: Event) -> None:
        """Ping until it ends or stops answering."""
        missed = 0
        while not ended.wait(self._spawn.ping_seconds):
            try:
                missed = (
                    0 if connections.get("/ping", self._spawn.ping_seconds * _PING_PART).status == 200 else missed + 1
                )
            except Unreachable:
                missed += 1
            if missed >= _MOST_MISSED:
                _log.warning("a runner does not answer and is started again", runner=self.instance)
                self._spawn.log(self.instance, ["The process did not answer and is started again."])
                return
        if not self._stop.is_set():
            _log.warning("a runner ended and is started again", runner=self.instance, said=list(self._said)[-3:])
            self._spawn.log(self.instance, ["The process ended and is started again."])

    def _await_end(self, process: "subprocess.Popen[bytes]", ended: Event) -> None:
        process.wait()
        if self._process is process:  # else a later life has begun
            self.connections = None  # at once: the next request is for another
        ended.set()

    def _read(self, stream: IO[bytes] | None) -> None:
        """Pass on what it prints until it prints no more."""
        assert stream is not None
        with stream:
            for line in stream:
                text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
                if text:
                    self._said.append(text)
                    self._spawn.log(self.instance, [text])

    def _last_words(self) -> str:
        return f": {self._said[-1]}" if self._said else ""


class ProcessFleet:
    """The processes of one variant."""

    def __init__(self, spawn: Spawn, name: str, instances: int, startup_seconds: float) -> None:
        """`name`: what the processes are called, with a number behind it."""
        self._spawn, self._name, self._startup = spawn, name, startup_seconds
        self._changed = Condition()
        self._processes: list[RunnerProcess] = []
        self._made = 0
        self._stopped = False
        self.path, self.restarts = "/invocations", True
        self.memory_bytes = spawn.limits.memory_mb * 1024 * 1024
        self.scale(instances)

    def scale(self, instances: int) -> None:
        """Have so many processes; those that go finish what they are doing first."""
        with self._changed:
            if self._stopped:
                return
            gone, self._processes = self._processes[instances:], self._processes[:instances]
            new = [self._make() for _ in range(instances - len(self._processes))]
            self._processes = [*self._processes, *new]
        for process in new:
            process.start()
        for process in gone:
            Thread(target=self._retire, args=(process,), name=f"retire {process.instance}", daemon=True).start()

    @property
    def failure(self) -> str | None:
        """Why a process cannot start; None: none failed, or not yet."""
        with self._changed:
            return next((process.failure for process in self._processes if process.failure), None)

    @property
    def healthy(self) -> int:
        """How many processes are ready."""
        with self._changed:
            return sum(1 for process in self._processes if process.connections is not None)

    @property
    def processes(self) -> tuple[RunnerProcess, ...]:
        """All of them, ready or not."""
        with self._changed:
            return tuple(self._processes)

    @contextmanager
    def server(self, seconds: float) -> Iterator[tuple[str, Connections] | None]:
        """(instance, connections) of the least busy process, waiting so long for one that is ready; None: none was."""
        process = self._taken(seconds)
        if process is None:
            yield None
            return
        chosen, connections = process
        try:
            yield chosen.instance, connections
        finally:
            with self._changed:
                chosen.in_flight -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """End all processes at once."""
        with self._changed:
            processes, self._processes, self._stopped = self._processes, [], True
            self._changed.notify_all()
        for process in processes:
            process.stop()

    def _taken(self, seconds: float) -> tuple[RunnerProcess, Connections] | None:
        until = monotonic() + seconds
        with self._changed:
            while not self._stopped:
                ready = [(p.in_flight, place, p) for place, p in enumerate(self._processes) if p.connections]
                for _, _, process in sorted(ready)[:1]:
                    if process.connections is not None:
                        process.in_flight += 1
                        return process, process.connections
                if not self._changed.wait(max(until - monotonic(), 0.0)):
                    return None
        return None

    def _retire(self, process: RunnerProcess) -> None:
        with self._changed:
            self._changed.wait_for(lambda: process.in_flight == 0, self._spawn.limits.invocation_seconds)
        process.stop()

    def _make(self) -> RunnerProcess:
        self._made += 1
        return RunnerProcess(self._spawn, f"{self._name}-{self._made}", self._startup, self._tell)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _hand_over(process: "subprocess.Popen[bytes]", order: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(order)
        process.stdin.flush()
    except BrokenPipeError:
        return  # it ended already; its last words tell why


_ending = Lock()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all it started."""
    with _ending:
        if sys.platform == "win32":
            if process.poll() is None:
                process.kill()
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nobody of it is left


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What a runner's process inherits of an environment."""
    return {name: environment[name] for name in _INHERITED if name in environment}
