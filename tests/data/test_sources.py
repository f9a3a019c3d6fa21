"""Finding and opening data: files, folders, globs, gzip, and an S3 server on the loopback."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchpost.data.lines import line_blocks
from watchpost.data.open import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.errors import SourceNotFound, UnreadableSource


def names(location: object, root: Path) -> list[str]:
    return [str(Path(s.name).relative_to(root)) for s in find_sources(str(location))]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "a.csv",
        "h/11/b.csv",
        "h/10/c.csv",
        "_SUCCESS",
        ".x.csv",
        "h/_temporary/d.csv",
        ".git/e.csv",
        "h/10/n.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_folder_is_read_with_its_subfolders_sorted_and_without_hidden_names(tree):
    assert names(tree, tree) == ["a.csv", "h/10/c.csv", "h/10/n.txt", "h/11/b.csv"]


def test_a_glob_may_cross_folders_and_may_end_on_one(tree):
    assert names(tree / "**/*.csv", tree) == ["a.csv", "h/10/c.csv", "h/11/b.csv"]
    assert names(tree / "h/1*", tree) == ["h/10/c.csv", "h/10/n.txt", "h/11/b.csv"]


def test_a_file_named_itself_is_read_whatever_its_name(tree):
    assert names(tree / "_SUCCESS", tree) == ["_SUCCESS"]
    (tree / "odd[1].csv").write_text("x")
    assert names(tree / "odd[1].csv", tree) == ["odd[1].csv"]


@pytest.mark.parametrize("location", ["nothing", "nothing*", "empty", "s3://"])
def test_nothing_there_is_said_so(tmp_path, location):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceNotFound):
        find_sources(location if location.startswith("s3") else tmp_path / location)


def test_gzip_is_recognised_by_content(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b"x\ny\n"))
    (source,) = find_sources(tmp_path)
    assert source.head(3) == b"x\ny"
    assert source.local is None
    assert source.suffix == ".jsonl"


def test_the_suffix_is_the_one_before_gz(tmp_path):
    (tmp_path / "a.CSV.gz").write_bytes(gzip.compress(b"x"))
    assert find_sources(tmp_path)[0].suffix == ".csv"


def blocks(folder: Path, quarantine: Quarantine, **sizes: int) -> list[tuple[str, int, bytes]]:
    found = []
    for block in line_blocks(find_sources(folder), quarantine, **sizes):
        found += [(Path(block.place(i)[0]).name, block.place(i)[1], line) for i, line in enumerate(block.lines())]
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_every_line_keeps_its_file_and_number_at_any_block_size(tmp_path, size):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\ntwo\n\nfour")
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "c").write_bytes(b"five\r\nsix\n")
    expected = [
        ("a", 1, b"one"),
        ("a", 2, b"two"),
        ("a", 3, b""),
        ("a", 4, b"four"),
        ("c", 1, b"five\r"),
        ("c", 2, b"six"),
    ]
    assert blocks(tmp_path, Quarantine(), size=size) == expected


def test_a_line_beyond_all_measure_is_quarantined_and_the_rest_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"one\n" + b"x" * 5000 + b"\nthree\n")
    quarantine = Quarantine()
    assert blocks(tmp_path, quarantine, size=64, longest=1000) == [("a", 1, b"one"), ("a", 3, b"three")]
    assert quarantine.summary().first[0].line == 2


def test_a_broken_off_archive_is_quarantined_beside_whole_ones(tmp_path):
    lines = b"".join(os.urandom(20).hex().encode() + b"\n" for _ in range(5000))
    (tmp_path / "a.gz").write_bytes(gzip.compress(lines)[:-20000])
    (tmp_path / "b").write_bytes(b"whole\n")
    quarantine = Quarantine()
    assert blocks(tmp_path, quarantine, size=1000)[-1] == ("b", 1, b"whole")
    assert quarantine.summary().reasons == {"file broken off": 1}


def test_a_single_unreadable_file_is_an_error(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"hello")[:12])
    with pytest.raises(UnreadableSource, match=r"a\.gz"):
        blocks(tmp_path, Quarantine())


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="no S3 server to test with: install moto[s3,server]")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_ALLOW_HTTP", "true")
        yield f"http://{host}:{port}"
    server.stop()


def put(endpoint: str, objects: dict[str, bytes]) -> None:
    from urllib.request import Request, urlopen

    plain = {"Content-Type": "application/octet-stream"}
    for path, body in {"data": b"", **{f"data/{key}": body for key, body in objects.items()}}.items():
        urlopen(Request(f"{endpoint}/{path}", data=body, headers=plain, method="PUT"), timeout=20).close()


def test_objects_are_found_by_key_prefix_and_wildcard_and_read_like_files(bucket):
    csv = b"a,b\n" + b"1,x\n" * 400_000
    put(
        bucket,
        {
            "in/2026/10/a.csv": csv,
            "in/2026/11/b.csv.gz": gzip.compress(b"a,b\n7,y\n"),
            "in/2026/_SUCCESS": b"x",
            "in/2027/c.csv": b"a,b\n8,z\n",
            "other.csv": b"a,b\n",
        },
    )
    key = ["s3://data/in/2026/10/a.csv"]
    assert [s.name for s in find_sources("s3://data/in/2026/10/a.csv")] == key
    assert [s.name for s in find_sources("s3://data/in/2026")] == [*key, "s3://data/in/2026/11/b.csv.gz"]
    assert len(find_sources("s3://data/in/202")) == 3
    assert [s.name for s in find_sources("s3://data/in/*/c.csv")] == ["s3://data/in/2027/c.csv"]
    assert find_sources("s3://data/in/2026/10/a.csv")[0].size == len(csv)
    with find_sources("s3://data/in/2026/10/a.csv")[0].open() as stream:
        assert stream.read() == csv
    batches = list(open_dataset("s3://data/in/2026").batches(Quarantine()))
    assert sum(b.height for b in batches) == 400_001


def test_a_missing_object_and_a_missing_bucket_are_named(bucket):
    put(bucket, {"here.csv": b"a\n1\n"})
    with pytest.raises(SourceNotFound, match="s3://data/nowhere"):
        find_sources("s3://data/nowhere")
    with pytest.raises(UnreadableSource, match="s3://no-such-bucket"):
        find_sources("s3://no-such-bucket/x")
