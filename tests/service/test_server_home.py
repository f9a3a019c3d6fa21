"""The home folder: private, one server at a time; its key pairs."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from watchpost.errors import AlreadyRunning, Misconfigured, Refused, StoreUnavailable
from watchpost.service.configuration import configured
from watchpost.service.credentials import Credentials, KeyChange
from watchpost.service.home import Lock, prepared, running, server_name, write_private
from watchpost.service.sign_in import end_all_sessions, new_link


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_folder_is_its_owners_alone(tmp_path: Path) -> None:
    home = prepared(tmp_path / "deep" / "home")
    Credentials(home)
    server_name(home)
    assert {path.name: mode(path) for path in [home, *home.iterdir()]} == {
        "home": 0o700,
        "logs": 0o700,
        "credentials": 0o600,
        "server-id": 0o600,
    }


def test_credentials_that_others_could_read_are_closed_again(tmp_path: Path) -> None:
    Credentials(tmp_path)
    (tmp_path / "credentials").chmod(0o644)
    Credentials(tmp_path)
    assert mode(tmp_path / "credentials") == 0o600


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="home folder"):
        prepared(tmp_path / "file")


def test_a_key_pair_is_made_once_and_kept(tmp_path: Path) -> None:
    first, again = Credentials(tmp_path).pair(), Credentials(tmp_path).pair()
    assert first == again
    assert (len(first.access_key), len(first.secret)) == (20, 40)
    assert first.secret not in repr(first)


def test_two_homes_have_different_keys_and_names(tmp_path: Path) -> None:
    one, two = prepared(tmp_path / "one"), prepared(tmp_path / "two")
    assert Credentials(one).pair() != Credentials(two).pair()
    assert server_name(one) == server_name(one) != server_name(two)


def test_a_secret_is_found_by_its_access_key(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    pair, other = credentials.pair(), credentials.add("grafana")
    assert credentials.secret(pair.access_key) == pair.secret
    assert credentials.secret(other.access_key) == other.secret
    assert credentials.secret("AKIAIOSFODNN7EXAMPLE") is None


def test_a_profile_name_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="a name that is not taken"):
        Credentials(tmp_path).add("default")


def test_a_pair_that_is_added_or_taken_away_by_hand_counts_from_the_next_request_on(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    pair = credentials.pair()
    added = Credentials(tmp_path).add("second")
    assert credentials.secret(added.access_key) == added.secret
    text = f"[second]\naws_access_key_id = {added.access_key}\naws_secret_access_key = {added.secret}\n"
    write_private(tmp_path / "credentials", text)
    assert credentials.secret(pair.access_key) is None
    (tmp_path / "credentials").unlink()
    assert credentials.secret(added.access_key) is None


@pytest.mark.parametrize("text", ["[default]\naws_access_key_id = x\n", "no section", "[default\n"])
def test_a_credentials_file_that_makes_no_sense_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials").write_text(text)
    with pytest.raises(Misconfigured, match="aws_secret_access_key"):
        Credentials(tmp_path)


@pytest.mark.parametrize("member", ["aws_access_key_id", "aws_secret_access_key"])
def test_a_pair_with_nothing_in_it_is_no_pair(tmp_path: Path, member: str) -> None:
    section = {"aws_access_key_id": "WPX", "aws_secret_access_key": "s", member: ""}
    lines = "".join(f"{name} = {value}\n" for name, value in section.items())
    (tmp_path / "credentials").write_text(f"[blank]\n{lines}")
    with pytest.raises(Misconfigured, match=r"in \[blank\]"):
        Credentials(tmp_path)


def test_while_the_credentials_file_makes_no_sense_nobody_is_let_in_and_the_log_says_why_once(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    pair, text = credentials.pair(), (tmp_path / "credentials").read_text()
    write_private(tmp_path / "credentials", f"{text}s3cret-in-the-wrong-place\n")
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(Refused, match="its log tells why") as refused:
                credentials.secret(pair.access_key)
            assert refused.value.fault == "ServiceUnavailable"
    assert len(lines) == 1
    assert "line 4" in lines[0]["why"]
    assert "s3cret" not in str(lines)
    write_private(tmp_path / "credentials", text)
    assert credentials.secret(pair.access_key) == pair.secret


def test_a_change_of_the_pairs_is_told_once_and_again_if_nobody_could_hear(tmp_path: Path) -> None:
    told: list[KeyChange] = []
    deaf = [True]

    def tell(change: KeyChange) -> None:
        if deaf:
            deaf.clear()
            raise StoreUnavailable("The database", "the disk is full", "Make room.")
        told.append(change)

    credentials = Credentials(tmp_path, tell)
    added = Credentials(tmp_path).add("grafana")
    with pytest.raises(StoreUnavailable):
        credentials.secret(added.access_key)
    for _ in range(2):
        assert credentials.secret(added.access_key) == added.secret
    assert told == [KeyChange({"grafana": added.access_key}, {})]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_belongs_to_whom_the_home_folder_belongs(tmp_path: Path) -> None:
    os.chown(tmp_path, 4321, 4321)
    Credentials(tmp_path).add("ci")
    new_link("http://127.0.0.1:1", tmp_path, datetime(2026, 7, 1, tzinfo=UTC))
    end_all_sessions(tmp_path)
    assert {(path.name, path.stat().st_uid, path.stat().st_gid) for path in tmp_path.rglob("*")} == {
        (name, 4321, 4321) for name in ("credentials", "sign-in", "session-secret")
    }


def test_a_credentials_file_is_one_the_aws_tools_read(tmp_path: Path) -> None:
    botocore = pytest.importorskip("botocore.session")
    pair = Credentials(tmp_path).pair()
    session = botocore.Session()
    session.set_config_variable("credentials_file", str(tmp_path / "credentials"))
    session.set_config_variable("profile", "default")
    found = session.get_credentials()
    assert (found.access_key, found.secret_key) == (pair.access_key, pair.secret)


def test_a_private_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_private(tmp_path / "a", "one")
    write_private(tmp_path / "a", "two")
    assert [(path.name, path.read_text(), mode(path)) for path in tmp_path.iterdir()] == [("a", "two", 0o600)]


def test_the_lock_is_held_by_one_process_and_falls_with_it(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("http://127.0.0.1:8790\n")
    code = f"""
import sys
from pathlib import Path
from watchpost.service.home import Lock
with Lock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert running(tmp_path)
        with pytest.raises(AlreadyRunning, match=r"already at http://127\.0\.0\.1:8790.*--home"), Lock(tmp_path):
            pass
        os.kill(other.pid, 9)
        other.wait()
    assert not running(tmp_path)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("region", "moon"),
        ("account", "12"),
        ("base_url", "watchpost.example.com"),
        ("base_url", "http://host/?x=1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(tmp_path: Path, setting: str, value: str) -> None:
    given = {"region": "eu-west-1", "account": "123456789012", "base_url": None, setting: value}
    with pytest.raises(Misconfigured, match=r"expected"):
        configured(home=tmp_path, host="127.0.0.1", port=1, database=None, **given)  # type: ignore[arg-type]
