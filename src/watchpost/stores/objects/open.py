"""Open the store of objects that a URI or a folder names."""

from pathlib import Path
from typing import TYPE_CHECKING

from watchpost.errors import Misconfigured
from watchpost.stores.objects.folder import FolderObjects

if TYPE_CHECKING:
    from watchpost.stores.objects.objects import Objects


def open_objects(where: str | Path) -> "Objects":
    """The store of objects at `where`.

    Args: where: a folder, or `s3://bucket/prefix`, under which each bucket of ours is a folder: then endpoint, region
    and keys come from AWS's usual environment variables.
    Raises: Misconfigured: it is neither, or it cannot be used.
    """
    text = str(where)
    if text.startswith("s3://"):
        from watchpost.stores.objects.remote import RemoteObjects  # noqa: PLC0415  obstore takes 30 ms to import

        return RemoteObjects(text)
    if "://" in text:
        raise Misconfigured("The store of objects", text, "a folder or s3://bucket/prefix")
    try:
        return FolderObjects(Path(text).resolve())
    except OSError as problem:
        reason = f"a folder this user can write to ({problem.strerror})"
        raise Misconfigured("The store of objects", text, reason) from problem
