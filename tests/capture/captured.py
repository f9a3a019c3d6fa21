"""What was captured in a folder, and waiting on conditions."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from watchpost.capture import CaptureConfig, CaptureWriter, Destination

ENDPOINT = "resale-price"


class MakeWriter(Protocol):
    def __call__(
        self,
        config: CaptureConfig = ...,
        destination: "str | Path | Destination | None" = None,
        *,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251  a writer's default
    ) -> CaptureWriter: ...


def files(folder: Path) -> list[Path]:
    """The capture files below the folder; markers, spools and files in the making are hidden."""
    return sorted(path for path in (folder / ENDPOINT).rglob("*.jsonl") if not path.name.startswith("."))


def records(folder: Path) -> list[dict[str, dict[str, object]]]:
    """All captured records below the folder."""
    return [json.loads(line) for path in files(folder) for line in path.read_bytes().splitlines()]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)
