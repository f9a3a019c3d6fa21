"""A folder to capture into, and writers into it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchpost.capture import CaptureConfig, CaptureWriter, Destination

from .captured import ENDPOINT, MakeWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "capture"


@pytest.fixture
def make(folder: Path) -> Iterator[MakeWriter]:
    """Writers into the folder, closed at the end."""
    made: list[CaptureWriter] = []

    def writer(
        config: CaptureConfig = CaptureConfig(),  # noqa: B008  a frozen value
        destination: "str | Path | Destination | None" = None,
        *,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251  a writer's default
    ) -> CaptureWriter:
        made.append(CaptureWriter(config, destination or folder, ENDPOINT, state=state, clock=clock))
        return made[-1]

    yield writer
    for one in made:
        one.close()
