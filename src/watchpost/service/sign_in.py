"""How a browser is let in: one-time links, and the sessions they begin.

A link's token is 256 random bits. The home folder keeps its hash, in a file of its own that is removed by whoever uses
the link, so it works once even when two ask at the same moment; whoever can write to the home folder can make links,
as they can read its access keys. A session is a random id in a cookie, signed with the home's secret, beside a document
in the store that holds the id's hash: ending a session removes the document, a new secret ends all of them.
"""

import hashlib
import hmac
import re
import secrets
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

from watchpost.documents import Kind
from watchpost.service.clock import Clock
from watchpost.service.home import private_folder, write_private
from watchpost.stores.store import Entry, Store, Transaction

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)

MOST_FAILURES, FAILURES_FORGOTTEN = 10, timedelta(minutes=1)
"""So many wrong tokens of one address are answered in so long; then it is told to wait."""

_MOST_LINKS = 100
_MOST_ADDRESSES = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SECRET = "session-secret"  # noqa: S105  the name of a file


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that was let in, and until when. `address` is where it was then."""

    begun: datetime
    until: datetime
    address: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A link was used: the cookie's value for the session that begins."""

    cookie: str


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """A token was refused: there is none such (any more), or too many wrong ones came from that address."""

    why: Literal["unknown", "too many"]


SESSION = Kind("web-session", Session)
"""By the SHA-256 of the session's id, in hex."""


def new_link(base_url: str, home: Path, now: datetime) -> str:
    """A link that signs one browser in, within 15 minutes. Links that are too old go."""
    folder = _links(home)
    waiting = sorted(_waiting(folder), key=lambda each: each[1])
    for number, (digest, until) in enumerate(waiting):
        if until <= now or number <= len(waiting) - _MOST_LINKS:
            (folder / digest).unlink(missing_ok=True)
    token = secrets.token_urlsafe(32)
    write_private(folder / _digest(token), f"{(now + LINK_LIFE).isoformat()}\n")
    return f"{base_url.rstrip('/')}/sign-in?token={token}"


def end_all_sessions(home: Path) -> None:
    """End every session and every link of this home; a running server takes note at the next request."""
    write_private(home / _SECRET, f"{secrets.token_urlsafe(32)}\n")
    folder = _links(home)
    for digest, _ in _waiting(folder):
        (folder / digest).unlink(missing_ok=True)


class SignIn:
    """Redeems links and knows the sessions of a home folder."""

    def __init__(self, store: Store, clock: Clock, home: Path) -> None:
        self._store, self._clock, self._home = store, clock, home
        self._lock = Lock()
        self._failures: dict[str, deque[datetime]] = {}
        self._kept: tuple[tuple[int, int], str] | None = None

    @property
    def cookie_name(self) -> str:
        """What the session's cookie is called: browsers tell hosts apart but not ports, so each home has its own."""
        return f"watchpost-{_digest(f'name {self._secret()}')[:10]}"

    def redeem(self, token: str, address: str) -> SignedIn | NotSignedIn:
        """Use a link's token. `address` is the client's.

        A right token is taken however many wrong ones came from the address: guessing 256 bits is hopeless, and a
        stranger behind the same proxy must not be able to lock the owner out.
        """
        now = self._clock.now()
        if not self._taken(token, now):
            return NotSignedIn("too many" if self._failed(address, now) else "unknown")
        identity = secrets.token_urlsafe(32)
        key, session = _digest(identity), Session(now, now + SESSION_LIFE, address)

        def work(tx: Transaction) -> None:
            for old, found in tx.scan(SESSION):
                if found.until <= now:
                    tx.delete(SESSION, old)
            tx.put(SESSION, key, session)
            data: dict[str, object] = {"address": address, "until": session.until}
            tx.record(Entry(now, "session.begin", _subject(key), "sign-in link", data))

        self._store.write(work)
        return SignedIn(self._signed(identity))

    def session(self, cookie: str) -> Session | None:
        """The session that a cookie's value belongs to; None: it is no value of ours, or its session has ended."""
        key = self._key(cookie)
        found = None if key is None else self._store.read(lambda tx: tx.get(SESSION, key))
        return None if found is None or found.until <= self._clock.now() else found

    def end(self, cookie: str) -> None:
        """End the session of a cookie's value, if there is one."""
        key, now = self._key(cookie), self._clock.now()

        def work(tx: Transaction) -> None:
            if key is not None and tx.delete(SESSION, key):
                tx.record(Entry(now, "session.end", _subject(key), "browser", {}))

        self._store.write(work)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _taken(self, token: str, now: datetime) -> bool:
        """Whether the token's link waits; it does not any more."""
        folder, digest = _links(self._home), _digest(token)
        # All of them, each in constant time: how long it takes says nothing about what waits.
        found = [until for name, until in _waiting(folder) if hmac.compare_digest(name, digest)]
        if not found:
            return False
        try:
            (folder / digest).unlink()
        except FileNotFoundError:
            # Another request was quicker with the same link.
            return False
        return now < found[0]

    def _failed(self, address: str, now: datetime) -> bool:
        """Count a wrong token; whether there are too many."""
        with self._lock:
            while len(self._failures) >= _MOST_ADDRESSES and address not in self._failures:
                self._failures.pop(next(iter(self._failures)))
            failures = self._failures.setdefault(address, deque(maxlen=MOST_FAILURES + 1))
            failures.append(now)
            while failures and failures[0] <= now - FAILURES_FORGOTTEN:
                failures.popleft()
            return len(failures) > MOST_FAILURES

    def _signed(self, identity: str) -> str:
        return f"{identity}.{_signature(self._secret(), identity)}"

    def _key(self, cookie: str) -> str | None:
        identity, _, signature = cookie.rpartition(".")
        right = hmac.compare_digest(signature.encode(), _signature(self._secret(), identity).encode())
        return _digest(identity) if right else None

    def _secret(self) -> str:
        path = self._home / _SECRET
        with self._lock:
            if not path.exists():
                write_private(path, f"{secrets.token_urlsafe(32)}\n")
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if self._kept is None or self._kept[0] != seen:
                self._kept = (seen, path.read_text().strip())
            return self._kept[1]


def _links(home: Path) -> Path:
    return private_folder(home / "sign-in")


def _waiting(folder: Path) -> list[tuple[str, datetime]]:
    """Digests of the tokens whose links wait, and until when."""
    found = []
    for path in folder.iterdir():
        if _DIGEST.fullmatch(path.name):
            try:
                found.append((path.name, datetime.fromisoformat(path.read_text().strip())))
            except (OSError, ValueError):
                # Used in this very moment, or no file of ours: the other links still work.
                continue
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _signature(secret: str, identity: str) -> str:
    return hmac.new(secret.encode(), b"session " + identity.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def _subject(key: str) -> str:
    return f"session {key[:12]}"
