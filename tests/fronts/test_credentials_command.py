"""`watchpost credentials`: key pairs by name, made and taken back while a server runs."""

import json
import stat
from pathlib import Path

import pytest
from botocore.session import Session
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Misconfigured
from watchpost.fronts.cli import watchpost
from watchpost.service.configuration import Configuration
from watchpost.service.credentials import Credentials
from watchpost.service.server import open_server

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True)


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(watchpost, ["credentials", *arguments, "--home", str(home)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Credentials(tmp_path)
    return tmp_path


@settings(max_examples=30)
@given(names=st.lists(NAMES, unique=True, max_size=5), data=st.data())
def test_who_is_added_has_a_key_until_removed_and_nobody_else_notices(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("home")
    server = Credentials(home)
    pairs = {"default": server.pair()} | {name: Credentials(home).add(name) for name in names if name != "default"}
    gone = data.draw(st.sampled_from(sorted(pairs)))
    assert Credentials(home).remove(gone) == pairs[gone]
    for name, pair in pairs.items():
        assert server.secret(pair.access_key) == (None if name == gone else pair.secret)
    assert list(server.access_keys) == [name for name in pairs if name != gone]


def test_a_new_pair_is_printed_once_as_a_section_that_the_aws_tools_read(home: Path) -> None:
    code, section, note = run(home, "add", "grafana")
    (home / "theirs").write_text(section)
    session = Session()
    session.set_config_variable("credentials_file", str(home / "theirs"))
    session.set_config_variable("profile", "grafana")
    found = session.get_credentials()
    assert (code, found.secret_key) == (0, Credentials(home).pair("grafana").secret)
    assert "not printed again" in note
    listed = run(home, "list")
    assert found.access_key in listed[1]
    assert found.secret_key not in "".join(map(str, listed))
    assert stat.S_IMODE((home / "credentials").stat().st_mode) == 0o600


def test_json_is_for_programs(home: Path) -> None:
    made = json.loads(run(home, "add", "ci", "--json")[1])
    assert made["name"] == "ci"
    listed = json.loads(run(home, "list", "--json")[1])
    assert [each["name"] for each in listed] == ["default", "ci"]
    assert listed[1]["access_key"] == made["aws_access_key_id"]


def test_what_the_owner_wrote_beside_the_pairs_stays(home: Path) -> None:
    path = home / "credentials"
    path.write_text("# ours\n" + path.read_text() + "region = eu-west-1\n\n# of a\n")
    before = path.read_text()
    run(home, "add", "a")
    assert path.read_text().startswith(before.rstrip())
    run(home, "remove", "a")
    assert path.read_text().rstrip() == before.rstrip()


@pytest.mark.parametrize("name", ["", "a b", "a]\n[b", "-x", "x" * 65, "[a]"])
def test_a_name_that_is_none_is_refused(home: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="The name of a key pair"):
        Credentials(home).add(name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "default"], "expected a name that is not taken"),
        (["remove", "nobody"], "is 'nobody', expected one of default"),
    ],
)
def test_a_name_that_is_taken_or_unknown_is_told(home: Path, arguments: list[str], words: str) -> None:
    code, _, told = run(home, *arguments)
    assert (code, words in told) == (2, True)


def test_a_folder_without_a_server_is_told_and_left_alone(tmp_path: Path) -> None:
    for arguments in (["list"], ["add", "a"], ["remove", "a"]):
        code, _, told = run(tmp_path, *arguments)
        assert (code, "`watchpost serve` was started before" in told) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_taking_the_last_pair_back_says_that_nobody_can_ask_any_more(home: Path) -> None:
    code, said, note = run(home, "remove", "default")
    assert (code, said.startswith("Removed default (WP")) == (0, True)
    assert "no key pair is left" in note
    assert run(home, "add", "default")[0] == 0


def test_the_journal_remembers_who_was_given_a_key_and_who_lost_it(tmp_path: Path) -> None:
    with open_server(Configuration(tmp_path)) as server:
        other = Credentials(tmp_path).add("ci")
        assert server.credentials.secret(other.access_key) == other.secret
        Credentials(tmp_path).remove("ci")
        assert server.credentials.secret(other.access_key) is None
        lost, given = server.store.read(lambda tx: tx.journal(kinds=("credentials.change",)))
        assert given.entry.data == {"added": {"ci": other.access_key}, "removed": {}}
        assert lost.entry.data == {"added": {}, "removed": {"ci": other.access_key}}
