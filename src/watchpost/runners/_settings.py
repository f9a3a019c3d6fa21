"""The settings of the runners, which only the server's owner can write: `runners.toml` in the home folder.

What the API asks for runs as the server's own user. So a model that is code (a Python callable, an MLflow model: both
run whatever their author wrote) is run only from where the owner said so here; nothing an API client sends can widen
that.
"""

import tomllib
from typing import Annotated

import msgspec

from watchpost.errors import Misconfigured

_Megabytes = Annotated[int, msgspec.Meta(ge=64, le=4 * 1024 * 1024)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=256)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each process of a variant may use.

    `memory_mb`: MiB of data it may allocate. `startup_seconds`: until it must answer `/ping`, unless the variant says
    otherwise. `invocation_seconds`: how long one request may take (SageMaker's own is 60). `processes`: of one variant.
    """

    memory_mb: _Megabytes = 8192
    startup_seconds: _Seconds = 120.0
    invocation_seconds: _Seconds = 60.0
    processes: _Count = 8


class Python(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Folders whose Python modules may be run as models, and everything below them."""

    folders: tuple[str, ...] = ()


class Mlflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which MLflow models may be loaded: beginnings of their URIs. `tracking_uri`: where `models:/` are looked up."""

    uris: tuple[str, ...] = ()
    tracking_uri: str = ""


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which servers may be asked: beginnings of their URLs; empty allows all."""

    upstreams: tuple[str, ...] = ()


class Capture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the gateway captures. `flush_seconds`: how old a record may get before its file is written."""

    flush_seconds: _Seconds = 60.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `runners.toml`."""

    limits: Limits = Limits()
    python: Python = Python()
    mlflow: Mlflow = Mlflow()
    http: Http = Http()
    capture: Capture = Capture()


def read_toml(text: str, name: str = "runners.toml") -> Settings:
    """The settings written in TOML. Raises: Misconfigured: no TOML, an unknown setting, or a value out of range."""
    try:
        return msgspec.convert(tomllib.loads(text), type=Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise Misconfigured(name, str(problem), "the tables described in docs/endpoints.md") from problem
