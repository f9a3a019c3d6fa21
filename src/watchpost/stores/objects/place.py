"""Where the files of one object in a folder are, and how files and folders make way for each other."""

import contextlib
from pathlib import Path
from typing import IO

from watchpost.stores.objects.names import beside, path_of

SIDECAR = "%!"
"""What the name of a sidecar begins with; no part of a key does."""


class Place:
    """Where an object's files are: its own, the one it has beside a folder of its name, and its sidecar."""

    def __init__(self, bucket: Path, meta: Path, key: str) -> None:
        *folders, name = path_of(key)
        self.key, self.bucket = key, bucket
        self._folders = folders
        self.file = self.bucket.joinpath(*folders, name)
        self.beside = self.file.with_name(beside(name))
        self.sidecar = meta.joinpath(*folders, f"{SIDECAR}{name}")

    def opened(self) -> IO[bytes] | None:
        """The object's file, open; None if there is none."""
        for path in (self.file, self.beside):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                file = path.open("rb", buffering=0)
                if path.is_dir():  # pragma: no cover  Windows opens no folders
                    file.close()
                    continue
                return file
        return None

    def make_folders(self) -> list[Path]:
        """Make the folders above the file; those that hold a new one.

        An object in the way moves beside the folder of its name. Raises: OSError: somebody else changes them too.
        """
        changed = list[Path]()
        if self.file.parent.is_dir():
            return changed
        folder = self.bucket
        for name in self._folders:
            parent, folder = folder, folder / name
            if folder.is_dir():
                continue
            if folder.is_file():
                folder.replace(folder.with_name(beside(name)))
            folder.mkdir()
            changed.append(parent)
        return changed


def unlinked(path: Path) -> bool:
    """Take a file away; whether there was one. A folder of that name is left alone."""
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        # A folder is no object (unlinking one is a lack of permission on some systems).
        if path.is_file():
            raise
        return False
    return True


def is_full_folder(path: Path) -> bool:
    """Whether a folder with something in it is there; an empty one is taken away."""
    if not path.is_dir():
        return False
    try:
        path.rmdir()
    except OSError:
        return True
    return False


def pruned(folder: Path, top: Path) -> Path:
    """Take away a folder that became empty, and then those around it, inside `top`; the first that stays."""
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent
    while folder != top and not folder.is_dir():
        folder = folder.parent
    return folder
