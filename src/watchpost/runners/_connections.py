"""Connections to one model server: kept alive, used by many threads, each request within a time of its own."""

import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Lock
from time import monotonic
from urllib.parse import urlsplit

LARGEST_ANSWER = 25 * 1024 * 1024
"""Bytes of an answer. Source: SageMaker's quota for a real-time payload."""

_IDLE_SECONDS, _MOST_IDLE, _CHUNK = 4.0, 64, 256 * 1024
# A connection that the other side closed while it lay idle shows at once; later, the request itself ended it.
_RACE_SECONDS = 0.5
# What a socket tells whose other side closed it without having read all; on Windows one that had read all may, too.
_UNREAD = () if sys.platform == "win32" else (ConnectionResetError,)


class Unreachable(OSError):
    """The other side could not be asked, or gave no whole answer; the message says how that came."""


class NotSent(Unreachable):
    """There was nobody to send the request to; so nobody has seen it."""


class NotRead(Unreachable):
    """The other side was gone before it had read the whole request; what works on whole requests has not seen it."""


class Failure(Unreachable):
    """It did not answer in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class _Idle:
    connection: HTTPConnection
    since: float


class Connections:
    """Kept-alive connections to `http://host:port` or `https://host:port/path`.

    Args: url: what stands before every path. headers: sent with every request. idle_seconds: how long an unused
    connection is kept; less than the other side keeps its own, so that it does not hang up on us in the middle.
    hangs_up: whether it may do so all the same; then a request it answered by hanging up is sent once more.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        idle_seconds: float = _IDLE_SECONDS,
        *,
        hangs_up: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._path, self._idle_seconds = parts.hostname or "", parts.path.rstrip("/"), idle_seconds
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._headers = dict(headers or {})
        self._hangs_up = hangs_up
        self._idle: list[_Idle] = []
        self._lock = Lock()
        self._closed = False

    def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
        """The answer to a POST. Raises: Failure: none in so many seconds; NotSent; NotRead; Unreachable."""
        return self._ask("POST", path, body, headers, monotonic() + seconds)

    def get(self, path: str, seconds: float) -> Reply:
        """The answer to a GET. Raises: see `post`."""
        return self._ask("GET", path, None, {}, monotonic() + seconds)

    def close(self) -> None:
        """Hang up; requests under way still get their answers."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for kept in idle:
            kept.connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], until: float) -> Reply:
        connection = self._kept()
        if connection is not None:
            try:
                return self._exchange(connection, method, path, body, headers, until)
            except NotRead:
                pass  # it closed a connection nobody used, just as we did
            except _HungUp:
                # As above, unless the request itself was what ended it.
                if not self._hangs_up:
                    raise
        return self._exchange(self._fresh(until), method, path, body, headers, until)

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        until: float,
    ) -> Reply:
        began, sent = monotonic(), False
        try:
            _allow(connection, until)
            try:
                connection.request(method, self._path + path, body, {**self._headers, **headers})
                sent = True
                _allow(connection, until)
                response = connection.getresponse()
            except ConnectionError as problem:
                # RemoteDisconnected is one of these: no byte of an answer came.
                why = str(problem) or type(problem).__name__
                if not sent or type(problem) in _UNREAD:
                    raise NotRead(f"the connection was closed before the request was read ({why})") from problem
                if monotonic() - began < _RACE_SECONDS:
                    raise _HungUp(f"the connection was closed before an answer came ({why})") from problem
                raise
            reply = Reply(response.status, _headers(response), _body(connection, response, until))
        except TimeoutError as problem:
            connection.close()
            raise Failure("no answer in time") from problem
        except Unreachable:
            connection.close()
            raise
        except (OSError, HTTPException) as problem:
            connection.close()
            raise Unreachable(f"its answer is not whole ({type(problem).__name__}: {problem})") from problem
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        return reply

    def _fresh(self, until: float) -> HTTPConnection:
        seconds = max(until - monotonic(), 0.001)
        if self._tls is not None:
            connection: HTTPConnection = HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connection.connect()
        except TimeoutError as problem:
            raise Failure(f"no connection to {self._host}:{self._port} in time") from problem
        except OSError as problem:
            raise NotSent(f"no connection to {self._host}:{self._port} ({problem})") from problem
        return connection

    def _kept(self) -> HTTPConnection | None:
        oldest = monotonic() - self._idle_seconds
        with self._lock:
            kept = self._idle.pop() if self._idle else None
            stale = [] if kept is None or kept.since >= oldest else [kept, *self._idle]
            if stale:  # the one used last is too old, so all are
                self._idle = []
        for old in stale:
            old.connection.close()
        if kept is None or stale:
            return None
        if _is_closed(kept.connection):
            # Whoever closed one has mostly gone, and with it the others.
            return self._kept()
        return kept.connection

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(_Idle(connection, monotonic()))
                return
        connection.close()


class _HungUp(Unreachable):
    """The other side closed the connection at once, and sent nothing."""


def _allow(connection: HTTPConnection, until: float) -> None:
    """Let the socket wait until then, and no longer. Raises: TimeoutError: it is past."""
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _is_closed(connection: HTTPConnection) -> bool:
    """Whether the other side closed it while it lay idle. False where that cannot be seen: behind TLS."""
    if connection.sock is None or isinstance(connection.sock, ssl.SSLSocket):
        return connection.sock is None
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False  # open, and nothing came
    except OSError:
        pass
    connection.close()
    return True


def _headers(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _body(connection: HTTPConnection, response: HTTPResponse, until: float) -> bytes:
    if response.length is not None and response.length > LARGEST_ANSWER:
        raise Unreachable(f"its answer is longer than {LARGEST_ANSWER} bytes")
    parts, size = list[bytes](), 0
    while True:
        _allow(connection, until)
        part = response.read1(_CHUNK) if response.length is None or response.length else b""
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise Unreachable(f"its answer is longer than {LARGEST_ANSWER} bytes")
    if response.length:
        raise Unreachable(f"its answer ended {response.length} bytes early")
    # Tells the connection that this answer is over, also when nothing asked for more than its last byte.
    response.close()
    return b"".join(parts)
