"""The home folder of a server: made private, locked by the one server that runs in it."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from watchpost.errors import AlreadyRunning, Misconfigured


def prepared(home: Path) -> Path:
    """The folder, made if need be, readable by its owner only. Raises: Misconfigured: it cannot be one."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        reason = f"a folder this user can write to ({problem.strerror})"
        raise Misconfigured("The home folder", str(home), reason) from problem
    return home


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read: all of it or nothing, also when the machine stops in the middle."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _give_to_owner_of(path.parent, fresh)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as problem:
        # A full disk is told without saying of which file.
        raise OSError(problem.errno, problem.strerror, str(path)) from problem
    finally:
        fresh.unlink(missing_ok=True)


def private_folder(path: Path) -> Path:
    """The folder, made if need be, for the owner of the folder it lies in alone."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return path
    _give_to_owner_of(path.parent, path)
    return path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Change files of a folder while no other process that asks so does; waits for its turn."""
    descriptor = _waited_for(folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def server_name(home: Path) -> str:
    """What this server calls itself in what it shares with others (claims, leases): the same after every restart."""
    path = home / "server-id"
    if not path.exists():
        write_private(path, f"{secrets.token_hex(8)}\n")
    return path.read_text().strip()


@dataclass(slots=True)
class Lock:
    """Held by the running server; the operating system lets go of it however the process ends."""

    home: Path
    _file: IO[str] | None = None

    def __enter__(self) -> "Lock":
        """Take the lock. Raises: AlreadyRunning: another process holds it."""
        self._file = (self.home / "lock").open("a")
        if not _locked(self._file):
            self._file.close()
            raise AlreadyRunning(str(self.home), address(self.home))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()


def running(home: Path) -> bool:
    """Whether a server runs in this home folder now."""
    try:
        with Lock(home):
            return False
    except AlreadyRunning:
        return True


@dataclass(frozen=True, slots=True)
class Facts:
    """What others must know of the server of a home folder beside its address.

    `base_url` is how people reach it; empty: at its address.
    """

    region: str
    account: str
    base_url: str = ""


def write_address(home: Path, url: str, region: str, account: str, base_url: str = "") -> None:
    """Note where the server answers, and as whom."""
    write_private(home / "server.json", msgspec.json.encode(Facts(region, account, base_url)).decode())
    write_private(home / "address", f"{url}\n")


def address(home: Path) -> str | None:
    """Where the server of this home folder answers, or last answered: `http://host:port`; None: it never ran."""
    try:
        return (home / "address").read_text().strip() or None
    except FileNotFoundError:
        return None


def facts(home: Path) -> Facts:
    """The facts noted with the address. Raises: Misconfigured: they cannot be read."""
    path = home / "server.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Facts)
    except (OSError, msgspec.MsgspecError) as problem:
        raise Misconfigured("The file", str(path), f"what a started server writes there ({problem})") from problem


if sys.platform == "win32":
    import msvcrt

    def _locked(file: IO[str]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _waited_for(_folder: Path) -> int | None:
        return None  # folders cannot be locked there; two people who edit in the same instant have to look

    def _give_to_owner_of(folder: Path, path: Path) -> None:
        """Files there belong to whom the folder lets in."""
else:
    import fcntl

    def _locked(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _waited_for(folder: Path) -> int | None:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def _give_to_owner_of(folder: Path, path: Path) -> None:
        """A command that root types must not lock out the server, which runs as somebody else."""
        if os.geteuid() == 0:
            status = folder.stat()
            os.chown(path, status.st_uid, status.st_gid)
