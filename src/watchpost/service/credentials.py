"""Access key pairs: who may sign a request. Kept in `credentials` in the home folder, in the AWS tools' own format."""

import re
import secrets
from collections.abc import Callable, Mapping
from configparser import ConfigParser, Error, MissingSectionHeaderError, ParsingError
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import structlog

from watchpost.errors import Misconfigured, Refused
from watchpost.service.home import alone, write_private

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HEADER = re.compile(r"\s*\[(.+)\]")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: its public id and its secret; the secret never shows in a representation."""

    access_key: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair({self.access_key!r})"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Which pairs came and went while somebody looked: access keys by profile name."""

    added: Mapping[str, str]
    removed: Mapping[str, str]


def _nobody(_change: KeyChange) -> None:
    """Tell nobody of changes."""


class Credentials:
    """The key pairs in a home folder, each under a profile name, the first one `default`.

    The file is the owner's to edit: a pair that is added or removed counts from the next request on. `tell` is called
    with every change that a request finds.
    """

    def __init__(self, home: Path, tell: Callable[[KeyChange], None] = _nobody) -> None:
        """Read the file, or write it with one new pair when there is none. Raises: Misconfigured: it makes no sense."""
        self._path, self._lock = home / "credentials", Lock()
        self._tell, self._telling = tell, Lock()
        self._pairs: Mapping[str, KeyPair] = {}
        self._secrets: Mapping[str, str] = {}
        self._seen: tuple[int, int] | None = None
        self._complaint = ""
        if not self._path.exists():
            self.add("default")
        self._path.chmod(0o600)
        self._refresh()
        self._told: Mapping[str, KeyPair] = self._pairs

    def secret(self, access_key: str) -> str | None:
        """The secret of an access key, or None if nobody has that key.

        Raises: Refused: ServiceUnavailable, the file makes no sense now: then nobody is let in, as nobody can say whom
        its owner wanted to keep out. What `tell` raises: the change is told again with the next request.
        """
        try:
            self._refresh()
        except Misconfigured as problem:
            self._complain(str(problem))
            told = "The server cannot read its file of key pairs; its log tells why."
            raise Refused("ServiceUnavailable", told) from problem
        if self._told is not self._pairs:
            self._tell_of_change()
        return self._secrets.get(access_key)

    def pair(self, profile: str = "default") -> KeyPair:
        """The pair of a profile. Raises: Misconfigured: there is none of that name."""
        self._refresh()
        if profile not in self._pairs:
            raise Misconfigured(f"A profile of {self._path}", profile, f"one of {_known(self._pairs)}")
        return self._pairs[profile]

    @property
    def access_keys(self) -> Mapping[str, str]:
        """The access keys by profile name, in the order of the file."""
        self._refresh()
        return {name: pair.access_key for name, pair in self._pairs.items()}

    def add(self, profile: str) -> KeyPair:
        """A new pair under a profile name, written at once; whatever else stands in the file stays.

        Raises: Misconfigured: the name is taken, or is none.
        """
        if not _NAME.fullmatch(profile):
            expected = "up to 64 letters, digits and . _ @ -, the first a letter or digit"
            raise Misconfigured("The name of a key pair", profile, expected)
        pair = KeyPair("WP" + "".join(secrets.choice(_LETTERS) for _ in range(18)), secrets.token_urlsafe(30))
        with self._lock, alone(self._path.parent):
            text = _text(self._path)
            if profile in _read(self._path, text):
                raise Misconfigured(f"A new profile of {self._path}", profile, "a name that is not taken")
            section = f"[{profile}]\n{_ID} = {pair.access_key}\n{_SECRET} = {pair.secret}\n"
            write_private(self._path, f"{text.rstrip()}\n\n{section}" if text.strip() else section)
        self._refresh()
        return pair

    def remove(self, profile: str) -> KeyPair:
        """Take a pair away: from the next request on its key is nobody's. Raises: Misconfigured: there is none."""
        with self._lock, alone(self._path.parent):
            text = _text(self._path)
            pairs = _read(self._path, text)
            if profile not in pairs:
                raise Misconfigured(f"A profile of {self._path}", profile, f"one of {_known(pairs)}")
            write_private(self._path, _without(text, profile))
        self._refresh()
        return pairs[profile]

    def _tell_of_change(self) -> None:
        with self._telling:
            before, now = self._told, self._pairs
            if now != before:
                self._tell(_change(before, now))
            self._told = now

    def _complain(self, why: str) -> None:
        """Say once, not with every request, why the file cannot be used."""
        if why != self._complaint:
            self._complaint = why
            structlog.get_logger(__name__).error("the key pairs cannot be read, so every request is refused", why=why)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            # The owner took every key away, or edits the file just now.
            self._pairs, self._secrets, self._seen = {}, {}, None
            return
        if (status.st_mtime_ns, status.st_ino) != self._seen:
            with self._lock:
                self._pairs = _read(self._path, _text(self._path))
                self._secrets = {pair.access_key: pair.secret for pair in self._pairs.values()}
                self._seen, self._complaint = (status.st_mtime_ns, status.st_ino), ""


def _text(path: Path) -> str:
    try:
        return path.read_text() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise Misconfigured("The credentials file", str(path), f"a text that can be read ({problem})") from problem


def _read(path: Path, text: str) -> Mapping[str, KeyPair]:
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
        pairs = {name: KeyPair(parser[name][_ID], parser[name][_SECRET]) for name in parser.sections()}
    except (Error, KeyError) as problem:
        expected = f"an AWS credentials file: [profile], {_ID} = …, {_SECRET} = … ({_without_lines(problem)})"
        raise Misconfigured("The credentials file", str(path), expected) from problem
    for name, pair in pairs.items():
        # With an empty secret everybody could sign: nothing would have to be known.
        if not pair.access_key or not pair.secret:
            expected = f"{_ID} and {_SECRET} with something behind them; watchpost credentials remove takes a pair away"
            raise Misconfigured("The credentials file", str(path), f"in [{name}] {expected}")
    return pairs


def _without_lines(problem: Error | KeyError) -> str:
    """What is wrong with the file, without showing the lines that are: secrets may stand in them."""
    # Python counts it among its parsing errors, but it holds its line elsewhere.
    if isinstance(problem, MissingSectionHeaderError):
        return f"line {problem.lineno} stands before the first [profile]"
    if isinstance(problem, ParsingError):
        return f"not understood: line {', '.join(str(number) for number, _ in problem.errors)}"
    return str(problem)


def _without(text: str, profile: str) -> str:
    """The file's text without one section; all other lines as they are."""
    kept, inside = list[str](), False
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line)
        inside = header[1] == profile if header else inside
        if not inside:
            kept.append(line)
    return "".join(kept)


def _change(before: Mapping[str, KeyPair], after: Mapping[str, KeyPair]) -> KeyChange:
    def gone(these: Mapping[str, KeyPair], others: Mapping[str, KeyPair]) -> dict[str, str]:
        return {name: pair.access_key for name, pair in these.items() if others.get(name) != pair}

    return KeyChange(gone(after, before), gone(before, after))


def _known(pairs: Mapping[str, KeyPair]) -> str:
    return ", ".join(sorted(pairs)) or "(there is none)"
