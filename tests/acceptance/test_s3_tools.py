"""The tools teams have, unmodified, against the real process: the AWS CLI, obstore, and watchpost's own engine."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import obstore
import polars as pl
import pytest
from botocore.exceptions import ClientError
from obstore.store import S3Store

MIB = 1 << 20


def test_the_cli_makes_copies_lists_syncs_and_removes(served: Callable, tmp_path: Path):
    server = served()
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.csv").write_bytes(b"x\n1\n")
    (folder / "sub" / "ü+.bin").write_bytes(np.random.default_rng(1).bytes(20 * MIB))
    assert "make_bucket: lake" in server.run("aws", "s3", "mb", "s3://lake")
    server.run("aws", "s3", "sync", "--no-progress", str(folder), "s3://lake/in")
    assert "a b.csv" in server.run("aws", "s3", "ls", "s3://lake/in/")
    listed = server.run("aws", "s3", "ls", "--recursive", "s3://lake")
    assert re.search(r"20971520 in/sub/ü\+\.bin", listed)
    assert server.run("aws", "s3", "sync", "--no-progress", str(folder), "s3://lake/in") == ""
    server.run("aws", "s3", "sync", "--no-progress", "s3://lake/in", str(tmp_path / "back"))
    for file in ("a b.csv", "sub/ü+.bin"):
        assert (tmp_path / "back" / file).read_bytes() == (folder / file).read_bytes()
        # The bucket is a folder that can be looked at.
        assert (server.home / "objects" / "lake" / "in" / file).read_bytes() == (folder / file).read_bytes()
    server.run("aws", "s3", "mv", "--no-progress", "s3://lake/in/a b.csv", "s3://lake/moved.csv")
    server.run("aws", "s3", "rm", "--recursive", "--only-show-errors", "s3://lake/in")
    assert server.run("aws", "s3", "ls", "s3://lake").split()[-1] == "moved.csv"
    server.run("aws", "s3", "rb", "--force", "s3://lake")
    assert server.run("aws", "s3", "ls") == ""


def test_obstore_and_polars_read_and_write(served: Callable):
    server = served()
    server.run("aws", "s3", "mb", "s3://lake")
    environment = server.environment
    store = S3Store(
        "lake",
        endpoint=server.url,
        access_key_id=environment["AWS_ACCESS_KEY_ID"],
        secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region=environment["AWS_REGION"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    body = np.random.default_rng(2).bytes(12 * MIB)
    obstore.put(store, "deep/er/big.bin", body, attributes={"Content-Type": "application/x", "who": "me"})
    got = obstore.get(store, "deep/er/big.bin")
    assert got.attributes["Content-Type"] == "application/x"
    assert got.attributes["who"] == "me"
    assert bytes(got.bytes()) == body
    assert bytes(obstore.get_range(store, "deep/er/big.bin", start=100, end=200)) == body[100:200]
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "deep/er/big.bin", b"", mode="create")
    obstore.copy(store, "deep/er/big.bin", "deep/copy.bin")
    for number in range(60):
        obstore.put(store, f"many/{number:03}", b"x")
    found = [meta["path"] for page in obstore.list(store, chunk_size=7) for meta in page]
    assert found == ["deep/copy.bin", "deep/er/big.bin", *(f"many/{number:03}" for number in range(60))]
    rolled = obstore.list_with_delimiter(store, "deep")
    assert rolled["common_prefixes"] == ["deep/er"]
    obstore.delete(store, found)
    assert list(obstore.list(store)) == []
    frame = pl.DataFrame({"x": range(1000)})
    options = {
        "aws_endpoint_url": server.url,
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "aws_region": environment["AWS_REGION"],
        "aws_allow_http": "true",
    }
    frame.write_parquet("s3://lake/frame.parquet", storage_options=options)
    assert pl.scan_parquet("s3://lake/*.parquet", storage_options=options).collect().equals(frame)


def outcome(server: object, *arguments: str) -> subprocess.CompletedProcess:
    """What watchpost's own command line says when it is pointed at the server."""
    own = dict(os.environ)  # noqa: TID251  a child needs its parent's environment
    command = [sys.executable, "-m", "watchpost", *arguments]
    return subprocess.run(command, env=own | server.environment, capture_output=True, text=True, check=False)


def test_the_engine_reads_from_the_server_it_is_pointed_at(served: Callable, tmp_path: Path):
    server = served("--objects", str(tmp_path / "disk"))
    rng = np.random.default_rng(3)
    for name, shift in (("train", 0.0), ("hour", 3.0)):
        pl.DataFrame({"x": rng.normal(shift, 1, 2000), "y": rng.integers(0, 5, 2000)}).write_csv(
            tmp_path / f"{name}.csv"
        )
    server.run("aws", "s3", "mb", "s3://lake")
    server.run("aws", "s3", "cp", "--quiet", str(tmp_path / "train.csv"), "s3://lake/train/a.csv")
    server.run("aws", "s3", "cp", "--quiet", str(tmp_path / "hour.csv"), "s3://lake/live/2026/11/21/13/a.csv")
    assert (tmp_path / "disk" / "lake" / "train" / "a.csv").read_bytes() == (tmp_path / "train.csv").read_bytes()
    made = outcome(server, "baseline", "s3://lake/train/", "-o", str(tmp_path / "baseline"))
    assert made.returncode == 0, made.stderr
    statistics = json.loads((tmp_path / "baseline" / "statistics.json").read_text())
    assert statistics["dataset"]["item_count"] == 2000
    report = outcome(server, "check", "s3://lake/live/2026", "--baseline", str(tmp_path / "baseline"))
    assert report.returncode == 1, report.stderr
    assert "`x` drifted" in report.stdout
    missing = outcome(server, "check", "s3://lake/none", "--baseline", str(tmp_path / "baseline"))
    assert missing.returncode == 2
    assert "s3://lake/none" in missing.stderr


def resident(server: object) -> int:
    """Bytes of memory that are the process's own: not those of files it looks at, which the system may drop."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024


def test_what_is_far_larger_than_memory_should_be_goes_through_in_pieces(served: Callable, tmp_path: Path):
    """One request of 400 MiB each way, and the process's own memory does not follow."""
    server = served()
    s3 = server.client("s3", retries={"total_max_attempts": 1})
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="warm", Body=b"x" * MIB)
    before = resident(server)
    large = tmp_path / "large"
    with large.open("wb") as file:
        for number in range(400):
            file.write(bytes([number % 256]) * MIB)
    with large.open("rb") as file:
        s3.put_object(Bucket="lake", Key="large", Body=file)
    assert resident(server) - before < 150 * MIB
    read = 0
    for piece in s3.get_object(Bucket="lake", Key="large")["Body"].iter_chunks(MIB):
        assert piece[:1] == bytes([read // MIB % 256])
        read += len(piece)
    assert read == 400 * MIB
    assert resident(server) - before < 150 * MIB
    # A reader who leaves in the middle takes nothing with him.
    s3.get_object(Bucket="lake", Key="large")["Body"].close()
    assert s3.head_object(Bucket="lake", Key="large")["ContentLength"] == 400 * MIB
    s3.close()


def test_objects_are_there_after_kill_9_and_strangers_are_not_let_in(served: Callable, tmp_path: Path):
    server = served()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="a", Body=b"kept", Metadata={"k": "v"})
    upload = s3.create_multipart_upload(Bucket="lake", Key="b")["UploadId"]
    part = s3.upload_part(Bucket="lake", Key="b", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    s3.close()
    server.kill()
    server.start()
    s3 = server.client("s3")
    got = s3.get_object(Bucket="lake", Key="a")
    assert (got["Body"].read(), got["Metadata"]) == (b"kept", {"k": "v"})
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket="lake", Key="b", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket="lake", Key="b")["Body"].read() == b"part"
    s3.close()
    with pytest.raises(HTTPError) as told:
        urlopen(f"{server.url}/lake/a", timeout=10)
    assert told.value.code == 403
    told.value.close()
    server.environment["AWS_SECRET_ACCESS_KEY"] = "x" * 40
    stranger = server.client("s3", retries={"total_max_attempts": 1})
    for body in (b"x", b"x" * 40 * MIB):
        with pytest.raises(ClientError) as refused:
            stranger.put_object(Bucket="lake", Key="a", Body=body)
        assert refused.value.response["Error"]["Code"] in {"SignatureDoesNotMatch", "RequestEntityTooLarge"}
    stranger.close()
