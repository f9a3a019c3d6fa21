"""Which program a processing job runs: its image names one of ours, or one that this server's owner registered."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from watchpost.errors import Misconfigured
from watchpost.monitors import MONITORS
from watchpost.service.execution_process_spec import Program

REGISTERED = "processors.toml"
"""In the home folder: which command stands for which image."""

_OURS: dict[str, Program] = {
    "sagemaker-model-monitor-analyzer": "analyzer",
    "sagemaker-clarify-processing": "clarify",
    "model-monitor-groundtruth-merger": "merger",
    "sagemaker-model-monitor-groundtruth-merger": "merger",
}


@dataclass(frozen=True, slots=True)
class Ours:
    """One of Watchpost's own programs; `monitor` names the member of `watchpost.monitors` it runs, if it is given."""

    program: Program
    monitor: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the server's owner that obeys the container contract's environment."""

    words: tuple[str, ...]


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


def program_of(image: str, home: Path) -> Ours | Command | Unknown:
    """What runs for an image. Raises: Misconfigured: the owner's file cannot be read."""
    name = repository(image)
    command = registered(home).get(name)
    if command is not None:
        return command
    if name in _OURS:
        return Ours(_OURS[name])
    member = name.replace("-", "_")
    if member in MONITORS.names():
        return Ours("monitor", member)
    known = ", ".join(sorted({*_OURS, *registered(home), *(each.replace("_", "-") for each in MONITORS.names())}))
    return Unknown(
        f"No program stands for the image {image!r}. This server runs no containers; it has programs for: {known}. "
        f"The server's owner may name a command for the repository {name!r} in {REGISTERED} of the home folder."
    )


def registered(home: Path) -> dict[str, Command]:
    """The owner's commands, by repository.

    ```toml
    [processors.my-monitor]
    command = ["python", "/srv/monitors/mine.py"]
    ```
    Raises: Misconfigured.
    """
    path = home / REGISTERED
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Misconfigured("The file", str(path), f"commands by repository ({problem})") from problem
    found: dict[str, Command] = {}
    for name, entry in document.get("processors", {}).items():
        words = entry.get("command") if isinstance(entry, dict) else None
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise Misconfigured(f"processors.{name}.command in {path}", words, 'a list like ["python", "mine.py"]')
        found[name] = Command(tuple(words))
    return found
