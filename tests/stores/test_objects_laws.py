"""Laws of objects in a folder: whatever the keys, it is a sorted dictionary; and its files are what they look like."""

from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from watchpost.errors import Refused
from watchpost.stores.objects.folder import FolderObjects
from watchpost.stores.objects.names import meaning, path_of
from watchpost.stores.objects.objects import Condition

# Pieces that meet in all the ways that matter: names that are folders too, empty segments, dots, our own marks, texts
# at the width where a name is cut, control characters, letters beyond ASCII, and neighbours of the slash in order.
PIECES = st.sampled_from(
    ["a", "b", "a.csv", "", ".", "..", "%", "%=", "%@a", "%+", "a!", "a0", "é", "\x00", "\x1f", "\U0001f4a9", " "]
    + ["x" * n for n in (199, 200, 201, 399, 400)]
    + ["é" * 100, "\x01" * 70, "x" * 199 + "é", "%41" * 70]
)
KEYS = (
    st.lists(PIECES, min_size=1, max_size=4).map("/".join)
    | st.lists(PIECES, min_size=1, max_size=2).map("".join)
    | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
).filter(lambda key: 0 < len(key.encode()) <= 1024)


@given(KEYS)
def test_every_name_on_the_way_to_a_key_is_a_safe_file_name_that_tells_its_part(key):
    names = path_of(key)
    told = ""
    for depth, name in enumerate(names):
        assert len(name.encode()) <= 255
        assert name not in {"", ".", ".."}
        assert "/" not in name
        assert "\0" not in name
        kind, text = meaning(name)
        told += text + ("/" if kind == "segment" and depth < len(names) - 1 else "")
    assert told == key


@given(st.lists(KEYS, max_size=8), KEYS)
def test_two_keys_never_share_a_path(keys, key):
    assert all((path_of(other) == path_of(key)) == (other == key) for other in keys)


class FolderIsADictionary(RuleBasedStateMachine):
    """Any order of writes, removals and copies leaves what a dictionary would hold."""

    keys = Bundle("keys")

    @initialize()
    def begin(self):
        self.folder = TemporaryDirectory()
        self.objects = FolderObjects(Path(self.folder.name))
        self.objects.create_bucket("bucket")
        self.model: dict[str, bytes] = {}

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(target=keys, key=KEYS, body=st.binary(max_size=9))
    def put(self, key, body):
        info = self.objects.put("bucket", key, body, metadata={"key": "of"})
        assert (info.size, info.etag) == (len(body), md5(body).hexdigest())
        self.model[key] = body
        return key

    @rule(key=keys, body=st.binary(max_size=9))
    def put_again(self, key, body):
        self.objects.put("bucket", key, body)
        self.model[key] = body

    @rule(key=consumes(keys))
    def delete(self, key):
        assert self.objects.delete("bucket", key) == (key in self.model)
        self.model.pop(key, None)

    @rule(target=keys, key=keys, other=KEYS)
    def copy(self, key, other):
        if key not in self.model:
            return multiple()
        self.objects.copy(("bucket", key), ("bucket", other))
        self.model[other] = self.model[key]
        return other

    @rule(key=keys, body=st.binary(max_size=9))
    def put_if_absent(self, key, body):
        if key in self.model:
            with pytest.raises(Refused, match="pre-conditions"):
                self.objects.put("bucket", key, body, condition=Condition(absent=True))
        else:
            self.objects.put("bucket", key, body, condition=Condition(absent=True))
            self.model[key] = body

    @rule(prefix=st.one_of(st.just(""), KEYS), after=st.one_of(st.just(""), KEYS), cut=st.integers(0, 9))
    def list_any_part(self, prefix, after, cut):
        for begin in (prefix, prefix[:cut]):
            listed = [info.key for info in self.objects.walk("bucket", begin, after)]
            assert listed == sorted(key for key in self.model if key.startswith(begin) and key > after)

    @invariant()
    def every_object_is_there(self):
        if not hasattr(self, "model"):
            return
        listed = [(info.key, info.size) for info in self.objects.list("bucket")]
        assert listed == sorted((key, len(body)) for key, body in self.model.items())
        for key, body in self.model.items():
            assert self.objects.get("bucket", key) == body
            assert self.objects.local_path(f"s3://bucket/{key}").read_bytes() == body or key.endswith("/")
            assert self.objects.head("bucket", key).etag == md5(body).hexdigest()


FolderIsADictionary.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestFolderIsADictionary = FolderIsADictionary.TestCase


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_a_key_that_s3_does_not_take_is_refused(key, tmp_path):
    objects = FolderObjects(tmp_path)
    objects.create_bucket("bucket")
    with pytest.raises(Refused, match="key"):
        objects.put("bucket", key, b"")


@pytest.mark.parametrize(
    "name", ["ab", "A-bucket", "a_b", "-ab", "ab-", "a..b", "192.168.0.1", "xn--a", "a" * 64, "..", "a/b", ".meta", ""]
)
def test_a_name_that_no_bucket_may_have_is_refused(name, tmp_path):
    with pytest.raises(Refused) as told:
        FolderObjects(tmp_path).create_bucket(name)
    assert told.value.fault == "InvalidBucketName"
