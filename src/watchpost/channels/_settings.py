"""The settings of the channels, which only the server's owner can write: `channels.toml` in the home folder."""

import tomllib
from typing import Annotated, Literal

import msgspec

from watchpost.errors import Misconfigured

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server. `tls`: "starttls" and "implicit" verify its certificate, "none" sends in the clear."""

    host: str
    sender: str
    port: _Port = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str = ""
    password: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout_seconds: _Seconds = 30.0


class Sms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How text messages are sent: an Apprise URL in which `{number}` stands for the receiver's digits."""

    apprise: str


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A local command: `argv` is run without a shell and gets the message on its standard input."""

    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    timeout_seconds: _Seconds = 60.0


class Https(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How webhooks are reached. `ca_file` has the certificates to trust, if not the system's."""

    ca_file: str = ""
    timeout_seconds: _Seconds = 15.0


class Incidents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How messages to people are gathered.

    `window_seconds`: messages of one subscription that come within it become one. `repeat_hours`: how long news of a
    state that was told already is held back.
    """

    window_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    repeat_hours: Annotated[float, msgspec.Meta(ge=0, le=24 * 30)] = 4.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `channels.toml`; a channel whose part is missing is not available."""

    smtp: Smtp | None = None
    sms: Sms | None = None
    command: dict[str, Command] = {}
    https: Https = Https()
    incidents: Incidents = Incidents()


def read_toml(text: str, name: str = "channels.toml") -> Settings:
    """The settings written in TOML. Raises: Misconfigured: no TOML, an unknown setting, or a value out of range."""
    try:
        return msgspec.convert(tomllib.loads(text), type=Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise Misconfigured(name, str(problem), "the tables described in docs/notifications.md") from problem
