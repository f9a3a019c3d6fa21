"""What a folder of objects is beyond a dictionary: files for all to read, whole under concurrency, crash and load."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import md5
from pathlib import Path

import pytest

from watchpost.data.open import open_dataset
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.errors import Refused
from watchpost.stores.objects.folder import FolderObjects
from watchpost.stores.objects.objects import About, Condition


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    objects = FolderObjects(tmp_path / "objects")
    objects.create_bucket("lake")
    return objects


def test_an_object_is_a_plain_file_where_its_key_says(objects, tmp_path):
    objects.put("lake", "train/2026/a.csv", b"x\n1\n", content_type="text/csv")
    assert (tmp_path / "objects/lake/train/2026/a.csv").read_bytes() == b"x\n1\n"
    assert objects.location("s3://lake/train/2026/a.csv") == str(tmp_path / "objects/lake/train/2026/a.csv")
    assert sorted(p.name for p in (tmp_path / "objects/lake").rglob("*")) == ["2026", "a.csv", "train"]


def test_the_engine_reads_a_prefix_with_everything_below_it_even_what_is_named_oddly(objects):
    objects.put("lake", "in/a.csv", b"x\n1\n")
    objects.put("lake", "in//b.csv", b"x\n2\n")
    objects.put("lake", "in/../c.csv", b"x\n3\n")
    objects.put("lake", "in/a.csv/d.csv", b"x\n4\n")
    rows = sum(batch.height for batch in open_dataset(objects.location("s3://lake/in/")).batches(Quarantine()))
    assert rows == 4
    # A prefix may end anywhere.
    assert len(find_sources(objects.location("s3://lake/i"))) == 4


def test_a_file_that_somebody_else_puts_there_is_an_object(objects, tmp_path):
    path = objects.local_path("s3://lake/capture/2026/11/21/13/one.jsonl")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}\n")
    (listed,) = objects.list("lake", "capture/")
    assert listed == objects.head("lake", "capture/2026/11/21/13/one.jsonl")
    assert listed.etag.endswith("-1")
    assert objects.get("lake", listed.key) == b"{}\n"
    path.write_bytes(b"{}\n{}\n")
    assert objects.head("lake", listed.key).etag != listed.etag


def test_what_is_kept_about_an_object_goes_when_its_file_is_changed_by_hand(objects):
    objects.put("lake", "a", b"1", content_type="text/csv", metadata={"who": "me"})
    assert objects.head("lake", "a").metadata == {"who": "me"}
    objects.local_path("s3://lake/a").write_bytes(b"22")
    info = objects.head("lake", "a")
    assert (info.size, dict(info.metadata), info.content_type) == (2, {}, "binary/octet-stream")


def test_everything_kept_about_an_object_comes_back_after_a_restart(objects, tmp_path):
    about = About(
        "text/csv", {"a": "ü"}, {"cache-control": "no-store"}, {"CRC32": "AAAAAA=="}, {"team": "ml"}, (5, 3), "e-2"
    )
    objects.put("lake", "a", b"12345678", about=about)
    assert FolderObjects(tmp_path / "objects").head("lake", "a").about == about


def test_an_etag_holds_off_who_has_not_seen_the_newest(objects):
    first = objects.put("lake", "a", b"1")
    objects.put("lake", "a", b"2", condition=Condition(etag=first.etag))
    with pytest.raises(Refused) as told:
        objects.put("lake", "a", b"3", condition=Condition(etag=first.etag))
    assert told.value.fault == "PreconditionFailed"
    assert objects.get("lake", "a") == b"2"


def test_of_many_who_write_if_nothing_is_there_one_wins(objects):
    def write(number: int) -> bool:
        try:
            objects.put("lake", "lock", b"%d" % number, condition=Condition(absent=True))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(40))) == 1


def test_a_reader_sees_one_version_and_its_own_description_while_others_write(objects):
    """Content, ETag and metadata belong together at every moment, also while the object moves beside a folder."""
    versions = [b"%d" % n * 300_000 for n in range(10)]
    objects.put("lake", "a", versions[0], metadata={"n": "0"})

    def write(number: int) -> None:
        if number % 7 == 3:
            objects.put("lake", "a/below", b"")
        elif number % 7 == 6:
            objects.delete("lake", "a/below")
        else:
            objects.put("lake", "a", versions[number % 10], metadata={"n": str(number % 10)})

    def read(_: int) -> None:
        with closing(objects.open("lake", "a")) as opened:
            body = b"".join(opened.read())
            assert md5(body).hexdigest() == opened.info.etag
            assert body == versions[int(opened.info.metadata["n"])]

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(write if n % 2 else read, n // 2) for n in range(210)]
        for future in done:
            future.result()


def test_folders_that_others_empty_do_not_lose_writes(objects):
    def churn(number: int) -> None:
        key = f"deep/er/{number % 3}"
        objects.put("lake", key, b"x")
        objects.delete("lake", key)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(churn, range(90)))
    assert objects.list("lake") == []
    objects.delete_bucket("lake")
    assert objects.bucket("lake") is None


def test_a_range_is_read_without_the_rest(objects):
    objects.put("lake", "a", bytes(range(256)) * 10_000)
    assert objects.get("lake", "a", 255, 258) == b"\xff\x00\x01"
    assert objects.get("lake", "a", 2_559_999) == b"\xff"
    assert objects.get("lake", "a", 5, 5) == b""


def test_what_is_not_there_is_named_as_s3_names_it(objects):
    for ask, fault in (
        (lambda: objects.get("lake", "no"), "NoSuchKey"),
        (lambda: objects.get("nowhere", "no"), "NoSuchBucket"),
        (lambda: objects.put("nowhere", "no", b""), "NoSuchBucket"),
        (lambda: objects.list("nowhere"), "NoSuchBucket"),
        (lambda: objects.delete_bucket("nowhere"), "NoSuchBucket"),
        (lambda: objects.local_path("/etc/passwd"), "ValidationException"),
    ):
        with pytest.raises(Refused) as told:
            ask()
        assert told.value.fault == fault
    assert objects.head("nowhere", "no") is None


def test_a_bucket_with_objects_is_not_removed(objects):
    objects.put("lake", "//", b"")
    with pytest.raises(Refused, match="not empty"):
        objects.delete_bucket("lake")


WRITER = """
import sys
from pathlib import Path
from watchpost.stores.objects.folder import FolderObjects
objects = FolderObjects(Path(sys.argv[1]))
objects.create_bucket("lake")
for number in range(10_000):
    body = b"%d." % number * 20_000
    objects.put("lake", f"k{number % 5}", body, metadata={"n": str(number)})
    print(number, flush=True)
"""


def test_after_kill_9_every_object_is_whole_and_no_acknowledged_one_is_lost(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= 30:
            break
    child.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
    child.wait()
    child.stdout.close()
    objects = FolderObjects(tmp_path)
    numbers = []
    for info in objects.walk("lake"):
        number = int(info.metadata["n"])
        assert objects.get("lake", info.key) == b"%d." % number * 20_000
        assert info.etag == md5(objects.get("lake", info.key)).hexdigest()
        numbers.append(number)
    assert len(numbers) == 5
    assert max(numbers) >= acknowledged
    # What was half written is forgotten once it cannot be anybody's work any more.
    for path in (tmp_path / ".uploads" / "writing").iterdir():
        os.utime(path, ns=(0, 0))
    FolderObjects(tmp_path)
    assert list((tmp_path / ".uploads" / "writing").iterdir()) == []


def test_a_full_disk_is_told_and_leaves_what_was_there(objects):
    resource = pytest.importorskip("resource", reason="no limit on the size of files here")
    objects.put("lake", "a", b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Refused, match="folder cannot be used") as told:
            objects.put("lake", "a", b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert told.value.fault == "ServiceUnavailable"
    assert objects.get("lake", "a") == b"before"


def test_100_000_objects_are_listed_in_pages_in_key_order(objects):
    folder = objects.local_path("s3://lake/flat")
    folder.mkdir()
    # Hard links are made ten times as fast as files; no file may have more than 65,000.
    for number in range(10):
        (folder / f"{number:06}.jsonl").touch()
    descriptor = os.open(folder, os.O_RDONLY)
    for number in range(10, 100_000):
        os.link(f"{number % 10:06}.jsonl", f"{number:06}.jsonl", src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.close(descriptor)
    # As if they had lain there for a while: a folder that changes is read anew for each page.
    os.utime(folder, ns=(0, 0))
    began = time.process_time()
    after, keys = "", []
    while page := objects.list("lake", "flat/", after):
        keys += [info.key for info in page]
        after = keys[-1]
    assert len(keys) == 100_000
    assert keys == sorted(keys)
    # 1.2 s of one core when this was written; reading the folder anew for each of the 100 pages took 24 s.
    assert time.process_time() - began < 10
    objects.put("lake", "flat/000000.a", b"")
    assert objects.list("lake", "flat/", limit=1)[0].key == "flat/000000.a"
