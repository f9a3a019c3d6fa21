"""Where the real data and the recorded outputs of the original service lie, if they are at hand."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, and nothing about the law.
settings.register_profile("watchpost", deadline=None)
settings.load_profile("watchpost")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"real data not at hand: no folder {SHARED.name!r} beside the checkout")
    return SHARED
