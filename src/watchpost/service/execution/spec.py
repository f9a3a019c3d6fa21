"""What a processing job's own process is told, and where things lie for it.

The process sees the folders a container of the service would see, below a root of its own: container path
`/opt/ml/processing/output` is `<root>/opt/ml/processing/output`. What it is to do stands in the environment variables
of the container contract (10.1), so that our programs and users' commands are driven alike.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from watchpost.runners import Job

CONTAINER = "/opt/ml/"
MESSAGE = "/opt/ml/output/message"
METRICS = "/opt/ml/output/metrics/cloudwatch"
REQUEST = "/opt/ml/config/processingjobconfig.json"
SPEC = "spec.json"

Program = Literal["analyzer", "clarify", "merger", "monitor"]


@dataclass(frozen=True, slots=True)
class Spec:
    """One run.

    program: which of ours; `monitor` is a member of `watchpost.monitors`, named by `monitor`. environment: the
    container's. uris: what lies in a container folder or file, as URIs, for names in reports. window: it begins or ends
    within an hour, so records are chosen by their own times; None takes all that was laid out. model: a model file or
    the URL of a model, for what has to ask it; model_job: what to load instead, with its data at `model`. memory_bytes:
    of memory the process may allocate; None is no limit.
    """

    program: Program
    environment: dict[str, str]
    uris: dict[str, str] = field(default_factory=dict)
    window: tuple[datetime, datetime] | None = None
    model: str | None = None
    model_job: Job | None = None
    monitor: str | None = None
    memory_bytes: int | None = None


def local(root: Path, container_path: str) -> Path:
    """Where a container's path lies.

    Raises: ValueError: it leads out of the container's folders.
    """
    path = Path(container_path)
    if not container_path.startswith(CONTAINER) or ".." in path.parts:
        raise ValueError(f"{container_path!r} is no path below {CONTAINER}")
    return root / path.relative_to("/")


def write_spec(root: Path, spec: Spec) -> None:
    """Leave the spec for the process."""
    (root / SPEC).write_bytes(msgspec.json.encode(spec))


def read_spec(root: Path) -> Spec:
    """The spec that was left."""
    return msgspec.json.decode((root / SPEC).read_bytes(), type=Spec)
