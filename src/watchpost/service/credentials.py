"""Access key pairs: who may sign a request. Kept in `credentials` in the home folder, in the AWS tools' own format."""

import secrets
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from watchpost.errors import Misconfigured
from watchpost.service.home import write_private

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: its public id and its secret; the secret never shows in a representation."""

    access_key: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair({self.access_key!r})"


class Credentials:
    """The key pairs in a home folder, each under a profile name, the first one `default`.

    The file is the owner's to edit: a pair that is added or removed counts from the next request on.
    """

    def __init__(self, home: Path) -> None:
        """Read the file, or write it with one new pair when there is none. Raises: Misconfigured: it makes no sense."""
        self._path, self._lock = home / "credentials", Lock()
        self._pairs: Mapping[str, KeyPair] = {}
        self._secrets: Mapping[str, str] = {}
        self._seen: tuple[int, int] | None = None
        if not self._path.exists():
            self.add("default")
        self._path.chmod(0o600)
        self._refresh()

    def secret(self, access_key: str) -> str | None:
        """The secret of an access key, or None if nobody has that key."""
        self._refresh()
        return self._secrets.get(access_key)

    def pair(self, profile: str = "default") -> KeyPair:
        """The pair of a profile. Raises: Misconfigured: there is none of that name."""
        self._refresh()
        if profile not in self._pairs:
            raise Misconfigured(f"A profile of {self._path}", profile, f"one of {', '.join(sorted(self._pairs))}")
        return self._pairs[profile]

    def add(self, profile: str) -> KeyPair:
        """A new pair under a profile name, written at once. Raises: Misconfigured: the name is taken."""
        with self._lock:
            pairs = dict(_read(self._path)) if self._path.exists() else {}
            if profile in pairs:
                raise Misconfigured(f"A new profile of {self._path}", profile, "a name that is not taken")
            pair = KeyPair("WP" + "".join(secrets.choice(_LETTERS) for _ in range(18)), secrets.token_urlsafe(30))
            pairs[profile] = pair
            lines = [f"[{name}]\n{_ID} = {p.access_key}\n{_SECRET} = {p.secret}\n" for name, p in pairs.items()]
            write_private(self._path, "\n".join(lines))
        self._refresh()
        return pair

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            # The owner took every key away, or edits the file just now.
            self._pairs, self._secrets, self._seen = {}, {}, None
            return
        if (status.st_mtime_ns, status.st_ino) != self._seen:
            with self._lock:
                self._pairs = _read(self._path)
                self._secrets = {pair.access_key: pair.secret for pair in self._pairs.values()}
                self._seen = (status.st_mtime_ns, status.st_ino)


def _read(path: Path) -> Mapping[str, KeyPair]:
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text())
        return {name: KeyPair(parser[name][_ID], parser[name][_SECRET]) for name in parser.sections()}
    except (Error, KeyError, UnicodeDecodeError) as problem:
        expected = f"an AWS credentials file: [profile], {_ID} = …, {_SECRET} = … ({problem})"
        raise Misconfigured("The credentials file", str(path), expected) from problem
