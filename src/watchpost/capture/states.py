"""The folder in which the writers of the same files keep their markers and spools."""

import os
import sys
import tempfile
from hashlib import blake2b
from pathlib import Path

from watchpost.capture.destinations import Destination, Folder


def state_folder(destination: Destination, endpoint: str, variant: str, given: str | Path | None) -> Path:
    """The folder for one destination, endpoint and variant; it is not made here.

    given: a folder for the state of many writers. Without one: hidden inside a destination that is a folder, else in
    the system's temporary folder, under a name with the user's number, to which Marker admits nobody else.
    """
    if given is None and isinstance(destination, Folder):
        return destination.path / ".watchpost-capture" / endpoint / variant
    own = blake2b("\0".join((destination.name, endpoint, variant)).encode(), digest_size=8).hexdigest()
    root = Path(tempfile.gettempdir()) / f"watchpost-capture-{_user()}" if given is None else Path(given).absolute()
    return root / own


def _user() -> int:
    return 0 if sys.platform == "win32" else os.getuid()
