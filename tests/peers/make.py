"""Make the environment of a peer that cannot live in ours: `python tests/peers/make.py sagemaker` prints its Python.

What is in it stands in `NAME.txt` beside this file, every package pinned. To pin anew:
`echo 'sagemaker==2.257.*' | uv pip compile - --universal --python-version 3.11 --no-header --no-annotate`.

The environment lies in the user's cache under the digest of its pins, so that it is made once for all checkouts and
again when they change. WATCHPOST_PEER_NAME names a Python to be used instead. Exit code 3: it cannot be made; why is on
stderr.
"""

import fcntl
import os
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

CANNOT = 3


def python_of(name: str) -> Path:
    """The peer's interpreter, its environment made when missing. Raises: SystemExit: it cannot be."""
    given = os.environ.get(f"WATCHPOST_PEER_{name.upper()}")  # noqa: TID251  a developer's own environment
    if given:
        return Path(given)
    pins = Path(__file__).with_name(f"{name}.txt")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = sha256(pins.read_bytes() + version.encode()).hexdigest()[:12]
    home = Path.home() / ".cache" / "watchpost" / "peers" / f"{name}-{digest}"
    python, complete = home / "bin" / "python", home / "complete"
    if complete.exists():
        return python
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if not complete.exists():
            venv.create(home, with_pip=True, clear=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pins]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:]
                print(f"{name} cannot be had: {' '.join(last)}", file=sys.stderr)  # noqa: T201
                raise SystemExit(CANNOT)
            complete.touch()
    return python


if __name__ == "__main__":
    print(python_of(sys.argv[1]))  # noqa: T201
