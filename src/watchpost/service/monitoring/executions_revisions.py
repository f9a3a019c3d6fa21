"""The reports of a window's earlier revisions, kept beside the newest one."""

from watchpost.service.processing.inputs import OTHERS
from watchpost.stores.objects.objects import Objects, bucket_and_key


def keep_report(objects: Objects, uri: str, revision: int) -> int:
    """Copy the report that lies at a prefix to `revisions/<number>/` below it; how many files there were.

    Doing it again before the report is replaced copies the same.
    """
    bucket, key = bucket_and_key(uri)
    if objects.bucket(bucket) is None:
        return 0
    prefix = f"{key.rstrip('/')}/"
    names = [info.key.removeprefix(prefix) for info in objects.walk(bucket, prefix)]
    own = [name for name in names if not OTHERS.match(name)]
    for name in own:
        objects.copy((bucket, f"{prefix}{name}"), (bucket, f"{prefix}revisions/{revision}/{name}"))
    return len(own)
