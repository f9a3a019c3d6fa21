"""The home folder: private, one server at a time; its key pairs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from watchpost.errors import AlreadyRunning, Misconfigured
from watchpost.service.configuration import configured
from watchpost.service.credentials import Credentials
from watchpost.service.home import Lock, prepared, running, server_name, write_private


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
