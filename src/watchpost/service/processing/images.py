"""Which program a processing job runs, and what it may use: ours, or one that this server's owner registered."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from watchpost.errors import Misconfigured
from watchpost.monitors import MONITORS
from watchpost.service.execution.spec import Program

SETTINGS = "processors.toml"
"""In the home folder, so that only the server's owner can write it."""

_OURS: dict[str, Program] = {
    "sagemaker-model-monitor-analyzer": "analyzer",
    "sagemaker-clarify-processing": "clarify",
    "model-monitor-groundtruth-merger": "merger",
    "sagemaker-model-monitor-groundtruth-merger": "merger",
}


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command of the server's owner that obeys the container contract's environment."""

    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each job's process may use: MiB of memory it may allocate."""

    memory_mb: Annotated[int, msgspec.Meta(ge=64, le=4 * 1024 * 1024)] = 8192


class Scripts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether pre- and postprocessing scripts run: code of whoever may call the API, run as the server's user."""

    run: bool = True


class ProcessorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `processors.toml`: `processors` are the owner's commands by image repository."""

    processors: dict[str, Command] = {}
    limits: Limits = Limits()
    scripts: Scripts = Scripts()


@dataclass(frozen=True, slots=True)
class Ours:
    """One of Watchpost's own programs; `monitor` names the member of `watchpost.monitors` it runs, if it is given."""

    program: Program
    monitor: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """No program: why, in a sentence for the job's exit message."""

    why: str


def repository(image: str) -> str:
    """The repository's name within an image's URI.

    >>> repository("156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer:1.0")
    'sagemaker-model-monitor-analyzer'
    """
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def program_of(image: str, settings: ProcessorSettings) -> Ours | Command | Unknown:
    """What runs for an image: the owner's command before ours."""
    name = repository(image)
    if name in settings.processors:
        return settings.processors[name]
    if name in _OURS:
        return Ours(_OURS[name])
    member = name.replace("-", "_")
    if member in MONITORS.names():
        return Ours("monitor", member)
    members = (each.replace("_", "-") for each in MONITORS.names())
    known = ", ".join(sorted({*_OURS, *settings.processors, *members}))
    return Unknown(
        f"No program stands for the image {image!r}. This server runs no containers; it has programs for: {known}. "
        f"The server's owner may name a command for the repository {name!r} in {SETTINGS} of the home folder."
    )


def read_settings(home: Path) -> ProcessorSettings:
    """The owner's settings, those of an absent file where there is none.

    ```toml
    [processors.my-monitor]
    command = ["python", "/srv/monitors/mine.py"]
    [limits]
    memory_mb = 4096
    [scripts]
    run = false
    ```
    Raises: Misconfigured: no TOML, an unknown setting, or a value out of range.
    """
    path = home / SETTINGS
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=ProcessorSettings)
    except FileNotFoundError:
        return ProcessorSettings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise Misconfigured(
            "The file", str(path), f"the tables described in docs/schedules.md ({problem})"
        ) from problem
