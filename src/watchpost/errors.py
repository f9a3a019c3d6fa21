"""Everything Watchpost can refuse to do, as one small tree.

```
WatchpostError                    code: what a program matches on; never renamed once released
├── InputError                    the data, as given, cannot be judged
│   ├── SourceNotFound            no such file, folder, glob match or object
│   ├── UnknownFormat             the format can neither be inferred nor is the given one known
│   ├── UnreadableSource          the file is there, but it is not what its format promises
│   └── EmptySource               nothing to learn a baseline from
├── BaselineError                 a baseline cannot be read or does not fit
│   ├── BaselineNotFound          no statistics.json / constraints.json where they should be
│   └── MalformedBaseline         a baseline file breaks its contract
├── PluginError                   a family was asked for something it does not have
│   ├── UnknownName               no member of that name (the message says the nearest)
│   ├── NameTaken                 a stranger claims the name of a built-in member
│   └── WrongFamily               a member's `plugin` is not of the family's type
├── Refused                       a request to the server breaks a rule; `fault` is the shape AWS's models give it
└── ServerError                   the server itself cannot do its work
    ├── StoreUnavailable          the database cannot be opened, read or written
    ├── Misconfigured             a setting of the server makes no sense
    └── AlreadyRunning            another server runs in the same home folder
```

A record that cannot be read is no error: it is quarantined and counted (`watchpost.data.quarantine`), and the run
goes on.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import ClassVar


class WatchpostError(Exception):
    """Root of the tree. `code` is stable; the message is a sentence for people and may change."""

    code: ClassVar[str] = "watchpost"


class InputError(WatchpostError):
    """The data, as given, cannot be judged."""

    code = "input"


class SourceNotFound(InputError):
    """Nothing lies where the data was said to be."""

    code = "source-not-found"

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"Nothing to read at {source!r}: {why}.")
        self.source = source


class UnknownFormat(InputError):
    """The format can neither be inferred from the content nor is the given one known."""

    code = "unknown-format"

    def __init__(self, source: str, why: str, known: tuple[str, ...]) -> None:
        formats = ", ".join(known)
        super().__init__(f"Cannot tell the format of {source!r}: {why}. Give one with --format: {formats}.")
        self.source, self.known = source, known


class UnreadableSource(InputError):
    """The file is there, but it is not what its format promises."""

    code = "unreadable-source"

    def __init__(self, source: str, why: str, todo: str = "Check how the file was written") -> None:
        super().__init__(f"Cannot read {source!r}: {why}. {todo}.")
        self.source = source


class EmptySource(InputError):
    """A baseline was to be learned from nothing."""

    code = "empty-source"

    def __init__(self, source: str) -> None:
        super().__init__(f"{source!r} holds no record to learn a baseline from. Give data with at least one row.")
        self.source = source


class BaselineError(WatchpostError):
    """A baseline cannot be read or does not fit."""

    code = "baseline"


class BaselineNotFound(BaselineError):
    """A baseline file is missing."""

    code = "baseline-not-found"

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(
            f"No baseline at {path!r}: expected {expected}. Make one with `watchpost baseline DATA -o {path}`."
        )
        self.path = path


class MalformedBaseline(BaselineError):
    """A baseline file breaks its contract; `where` is the path of the field inside the file."""

    code = "malformed-baseline"

    def __init__(self, path: str, where: str, why: str) -> None:
        super().__init__(f"{path!r}, field {where!r}: {why}. Correct the file, or make a new baseline.")
        self.path, self.where = path, where


class PluginError(WatchpostError):
    """A family was asked for something it does not have."""

    code = "plugin"


class UnknownName(PluginError):
    """A family has no member of that name."""

    code = "unknown-name"

    def __init__(self, family: str, name: str, known: tuple[str, ...]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"{family} has no member {name!r}.{hint} Known: {', '.join(known)}.")
        self.family, self.name, self.known = family, name, known


class NameTaken(PluginError):
    """A package from outside claims the name of a built-in member."""

    code = "name-taken"

    def __init__(self, family: str, name: str, claimant: str) -> None:
        super().__init__(f"{claimant} registers {name!r} in {family}, but that name is built in. Choose another name.")
        self.family, self.name, self.claimant = family, name, claimant


class WrongFamily(PluginError):
    """A member's `plugin` is not of the family's type."""

    code = "wrong-family"

    def __init__(self, family: str, name: str, kind: type) -> None:
        super().__init__(f"{family} member {name!r} offers a {kind.__name__}, which is not what this family holds.")
        self.family, self.name, self.kind = family, name, kind


class Refused(WatchpostError):
    """A request to the server breaks a rule or names what is not there.

    Args: fault: name of the error's shape in the service's botocore model (`ResourceNotFound`,
    `InvalidParameterValueException`, …), or an error code that AWS uses without modelling it (`ValidationError`).
    members: further members of that shape.
    """

    code = "refused"

    def __init__(self, fault: str, message: str, members: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.fault, self.message, self.members = fault, message, dict(members or {})


class ServerError(WatchpostError):
    """The server itself cannot do its work."""

    code = "server"


class StoreUnavailable(ServerError):
    """The database cannot be opened, read or written."""

    code = "store-unavailable"

    def __init__(self, url: str, why: str, todo: str) -> None:
        super().__init__(f"The database {url!r} {why}. {todo}.")
        self.url = url


class Misconfigured(ServerError):
    """A setting of the server makes no sense."""

    code = "misconfigured"

    def __init__(self, setting: str, value: object, expected: str) -> None:
        super().__init__(f"{setting} is {value!r}, expected {expected}.")
        self.setting, self.value = setting, value


class AlreadyRunning(ServerError):
    """Another server runs in the same home folder."""

    code = "already-running"

    def __init__(self, home: str, address: str | None) -> None:
        where = f" at {address}" if address else ""
        super().__init__(
            f"A server runs in {home!r} already{where}. Stop it, or give this one a folder of its own with --home."
        )
        self.home, self.address = home, address
