"""Secrets that are kept lie sealed in the store, and open with the key of the home folder alone."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.documents import Kind
from watchpost.errors import Misconfigured
from watchpost.events.destinations import Connection, Parameter
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.events.connections import Connections
from watchpost.service.events.kept_connections import CONNECTION, opened
from watchpost.service.sealing import SecretKey
from watchpost.stores.store import Store
from watchpost.windows import EPOCH

HEADER = Parameter("header", "x-token", "t0ken", secret=True)
PLAIN = Parameter("header", "x-team", "ml")


@given(text=st.text(), purpose=st.text(max_size=20), other=st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_sealed_opens_for_its_purpose_and_for_no_other(
    tmp_path: Path, text: str, purpose: str, other: str
) -> None:
    key = SecretKey(tmp_path)
    sealed = key.seal(text, purpose)
    assert SecretKey(tmp_path).open(sealed, purpose) == text
    assert sealed != key.seal(text, purpose)
    if other != purpose:
        with pytest.raises(Misconfigured, match="what this server sealed"):
            key.open(sealed, other)


def test_the_key_is_made_when_it_is_needed_and_its_owners_alone(tmp_path: Path) -> None:
    key = SecretKey(tmp_path)
    assert list(tmp_path.iterdir()) == []
    key.seal("s", "p")
    (file,) = tmp_path.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("secret-key", 0o600)


def test_another_key_does_not_open_it_and_the_message_says_which_would(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sealed, other = SecretKey(tmp_path / "a").seal("s", "p"), SecretKey(tmp_path / "b")
    other.seal("s", "p")
    with pytest.raises(Misconfigured, match=f"expected the key {sealed.split('.')[1]} that the secret of p was sealed"):
        other.open(sealed, "p")


@pytest.mark.parametrize("body", ["", "x", "====", "a" * 40, "é"])
def test_what_is_no_sealed_text_is_told(tmp_path: Path, body: str) -> None:
    key = SecretKey(tmp_path)
    name = key.seal("s", "p").split(".")[1]
    with pytest.raises(Misconfigured, match="what this server sealed"):
        key.open(f"v1.{name}.{body}", "p")


@pytest.mark.parametrize("content", ["", "no key\n", "abcd\n"])
def test_a_key_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret-key").write_text(content)
    with pytest.raises(Misconfigured, match="64 hexadecimal digits"):
        SecretKey(tmp_path).seal("s", "p")


def connections(store: Store, clock: ManualClock, home: Path) -> Connections:
    return Connections(store, clock, Configuration(home), lambda: "id", SecretKey(home))


def wanted(name: str = "c") -> Connection:
    return Connection(name, "", "BASIC", "me", "p4ss", EPOCH, EPOCH, parameters=(HEADER, PLAIN))


def test_the_store_holds_no_secret_of_a_connection_in_clear(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    made = connections(store, clock, tmp_path).create(wanted(), "me")
    written = store.read(lambda tx: tx.get(CONNECTION, "c"))
    assert written is not None
    text = CONNECTION.encode(written).decode()
    assert ("p4ss" in text, "t0ken" in text, "ml" in text) == (False, False, True)
    assert opened(written, SecretKey(tmp_path)).parameters == (HEADER, PLAIN)
    assert (made.secret, made.parameters[0].value) == ("", "")


def test_secrets_of_an_older_release_are_sealed_at_the_next_start(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    store.write(lambda tx: tx.put(Kind("event-connection", Connection), "c", wanted()))
    there = connections(store, clock, tmp_path)
    assert (there.seal(), there.seal()) == (1, 0)
    written = store.read(lambda tx: tx.get(CONNECTION, "c"))
    assert written is not None
    assert "p4ss" not in CONNECTION.encode(written).decode()
    assert opened(written, SecretKey(tmp_path)) == wanted()


def test_what_an_update_leaves_out_stays_as_it_was(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    there = connections(store, clock, tmp_path)
    there.create(wanted(), "me")
    there.change("c", lambda old: old, "me")
    written = store.read(lambda tx: tx.get(CONNECTION, "c"))
    assert written is not None
    assert opened(written, SecretKey(tmp_path)).secret == "p4ss"


def test_a_connection_whose_key_is_lost_is_deauthorised_by_a_change_that_gives_no_secrets(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    connections(store, clock, tmp_path).create(wanted(), "me")
    (tmp_path / "secret-key").unlink()
    there = connections(store, clock, tmp_path)
    assert there.describe("c").live
    assert not there.change("c", lambda old: old, "me").live
