"""Run inside a mount namespace of its own: mounts a small volume, fills it, and prints as JSON what it saw.

`python full_volume.py server|capture FOLDER`
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

VOLUME_BYTES = 8 << 20


@contextmanager
def filled(volume: Path) -> Iterator[None]:
    """Not a byte of the volume is free inside."""
    ballast = volume / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as problem:
                assert problem.strerror == "No space left on device"  # noqa: PT017  the end that was sought
    yield
    ballast.unlink()


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition; a minute is more than it needs on any machine."""
    end = monotonic() + 60
    while not holds():
        assert monotonic() < end, "it never came to pass"
        sleep(0.05)


def server(volume: Path) -> dict[str, Any]:
    """A server whose home is on the volume: before, while it is full, after, and after a restart."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    home, seen = volume / "home", dict[str, Any]()
    command = [sys.executable, "-m", "watchpost"]

    def start() -> "subprocess.Popen[str]":
        with (volume.parent / "stderr").open("a") as said:
            options = ["--home", str(home), "--port", "0"]
            process = subprocess.Popen([*command, "serve", *options], stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        assert "running at" in process.stdout.readline()
        return process

    def client(service: str) -> Any:
        env = json.loads(subprocess.check_output([*command, "env", "--home", str(home), "--json"]))
        keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"]}
        once = Config(retries={"total_max_attempts": 1})
        url = env["AWS_ENDPOINT_URL"]
        return boto3.client(service, endpoint_url=url, region_name=env["AWS_REGION"], config=once, **keys)

    def health(url: str) -> int:
        try:
            with urlopen(f"{url}/healthz") as answer:
                return int(answer.status)
        except HTTPError as problem:
            problem.close()
            return problem.code

    def put(name: str) -> str:
        # Large enough that no page that is free already takes it.
        try:
            text = {"type": "text", "width": 24, "height": 6, "properties": {"markdown": "x" * 20_000}}
            cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": [text]}))
        except ClientError as problem:
            return str(problem.response["Error"]["Code"])
        acknowledged.append(name)
        return "ok"

    def names() -> list[str]:
        return [one["DashboardName"] for one in cloudwatch.list_dashboards()["DashboardEntries"]]

    acknowledged: list[str] = []
    process, cloudwatch = start(), client("cloudwatch")
    url = cloudwatch.meta.endpoint_url
    seen["before"] = put("before")
    with filled(volume):
        seen["full"] = [put(f"full-{n}") for n in range(20)]
        seen["health while full"] = health(url)
        seen["readable while full"] = set(acknowledged) == set(names())
    until(lambda: health(url) == 200)
    seen["after"] = put("after")
    with filled(volume):
        put("again")
        process.kill()
        process.wait()
        options = ["--home", str(home), "--port", "0"]
        late = subprocess.run([*command, "serve", *options], capture_output=True, text=True, timeout=60, check=False)
        seen["start while full"] = [late.returncode, late.stderr]
    process, cloudwatch = start(), client("cloudwatch")
    seen["kept"] = sorted(acknowledged) == sorted(names())
    seen["whole"] = _whole(home)
    process.terminate()
    seen["stopped"] = process.wait(60)
    seen["log"] = (volume.parent / "stderr").read_text()
    return seen


def _whole(home: Path) -> bool:
    """Whether every line of the journal follows from the one before."""
    from watchpost.stores.open import open_store
    from watchpost.stores.sql.chain import verify

    store = open_store(str(home / "watchpost.db"))
    try:
        return not verify(store)
    finally:
        store.close()


def capture(volume: Path) -> dict[str, Any]:
    """A capture writer whose files, markers and spool are on the volume."""
    from watchpost.capture import CaptureConfig, CapturedCall, CaptureWriter

    writer = CaptureWriter(CaptureConfig(), volume / "capture", "churn")
    call = CapturedCall(input=b"1,2,3", input_type="text/csv", output=b"0.5", output_type="text/csv")

    def written() -> int:
        found = (volume / "capture" / "churn").rglob("*.jsonl")
        return sum(len(path.read_text().splitlines()) for path in found)

    writer.submit(call)
    seen: dict[str, Any] = {"before": [writer.flush(60), written()]}
    with filled(volume):
        for _ in range(1000):
            writer.submit(call)
        seen["full"] = [writer.flush(1), written()]
        counters = writer.counters
        seen["kept"] = counters.pending + counters.spooled
        seen["faults"] = counters.faults + counters.failed + counters.lost
    until(lambda: writer.flush(1))
    seen["after"] = written()
    writer.close()
    return seen


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    mount = folder / "volume"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES}", "tmpfs", str(mount)], check=True)
    sys.stdout.write(json.dumps((server if what == "server" else capture)(mount)))
