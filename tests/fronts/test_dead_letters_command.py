"""`watchpost dead-letters`, against a server on a real socket."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Literal

import pytest
import structlog
import uvicorn
from botocore.session import Session
from click.testing import CliRunner

from watchpost.errors import Refused
from watchpost.fronts.aws.app import application
from watchpost.fronts.aws.model import OWN_MODELS
from watchpost.fronts.cli import watchpost
from watchpost.fronts.listening import uvicorn_settings
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.dead_letters import DeadLetters, bury
from watchpost.service.home import address, write_address
from watchpost.service.server import Server, open_server
from watchpost.stores.store import Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers; its background work does not run, so what is queued stays."""
    home: Path = tmp_path_factory.mktemp("home")
    with (
        structlog.testing.capture_logs(),  # what is logged would stand among what the command prints
        create_server(("127.0.0.1", 0)) as listener,
        open_server(Configuration(home)) as server,
    ):
        write_address(home, f"http://127.0.0.1:{listener.getsockname()[1]}", "us-east-1", "000000000000")
        web = uvicorn.Server(uvicorn_settings(application(server)))
        thread = Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        yield server
        web.should_exit = True
        thread.join()


def give_up(store: Store, now: datetime, queue: str, outcome: Literal["failed", "unknown"]) -> None:
    store.write(lambda tx: tx.enqueue(queue, b'{"to": "somebody"}', now, now))
    (task,) = store.claim(queue, "worker", now, 1)
    store.write(lambda tx: bury(tx, task, outcome, "it answered 404", now, f"arn:{queue}"))


@pytest.fixture
def letters(server: Server) -> Iterator[DeadLetters]:
    """Three dead letters: two that failed, in two queues, and one that was cut off."""
    now = server.clock.now()
    give_up(server.store, now, "red", "failed")
    give_up(server.store, now, "red", "unknown")
    give_up(server.store, now, "blue", "failed")
    there = DeadLetters(server.store, server.clock)
    yield there
    for key, _ in there.page():
        there.drop(key, "test")


def run(server: Server, *arguments: str) -> str:
    home = str(server.configuration.home)
    done = CliRunner().invoke(watchpost, ["dead-letters", *arguments, "--home", home], env={"AWS_ENDPOINT_URL": None})
    return f"{done.exit_code}\n{done.output}"


def keys(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("options", "queues"),
    [
        ([], ["blue", "red", "red"]),
        (["--queue", "red"], ["red", "red"]),
        (["--outcome", "failed"], ["blue", "red"]),
        (["--queue", "blue", "--outcome", "unknown"], []),
    ],
)
@pytest.mark.usefixtures("letters")
def test_dead_letters_are_listed_by_queue_and_outcome(server: Server, options: list[str], queues: list[str]) -> None:
    found = json.loads(run(server, "list", "--json", *options).partition("\n")[2])
    assert [letter["Queue"] for letter in found] == queues
    assert all(letter["Reason"] == "it answered 404" and letter["Attempts"] == 1 for letter in found)


@pytest.mark.usefixtures("letters")
def test_a_line_says_key_outcome_time_subject_and_reason(server: Server) -> None:
    (line,) = run(server, "list", "--outcome", "unknown").splitlines()[1:]
    key, outcome, at, subject, *reason = line.split()
    assert (key[:4], outcome, at[-1], subject, reason) == ("red/", "unknown", "Z", "arn:red", ["it", "answered", "404"])


def test_the_work_itself_is_shown(server: Server, letters: DeadLetters) -> None:
    ((key, _),) = letters.page("blue")
    assert json.loads(run(server, "show", key).partition("\n")[2])["Body"] == {"to": "somebody"}


def test_a_redriven_letter_is_work_again_and_the_journal_says_by_whom(server: Server, letters: DeadLetters) -> None:
    ((key, _),) = letters.page("blue")
    assert f"{key} is task " in run(server, "redrive", key)
    assert letters.page("blue") == []
    (again,) = server.store.claim("blue", "worker", server.clock.now() + timedelta(seconds=1), 9)
    server.store.write(lambda tx: tx.finish(again.id))
    (line,) = server.store.read(lambda tx: tx.journal(kinds=("dead-letter.redrive",), limit=1))
    assert (again.body, line.entry.subject) == (b'{"to": "somebody"}', "arn:blue")
    assert line.entry.actor == server.credentials.pair().access_key


def test_all_that_are_selected_are_dropped_and_no_others(server: Server, letters: DeadLetters) -> None:
    assert run(server, "drop", "--all", "--queue", "red").count("is dropped") == 2
    assert [letter.queue for _, letter in letters.page()] == ["blue"]
    (line,) = server.store.read(lambda tx: tx.journal(kinds=("dead-letter.drop",), limit=1))
    assert line.entry.subject == "arn:red"


def test_a_listing_goes_on_over_pages(server: Server) -> None:
    now = server.clock.now()
    for _ in range(103):
        give_up(server.store, now, "many", "failed")
    assert run(server, "drop", "--all", "--queue", "many").count("is dropped") == 103
    for command in (["list"], ["redrive", "--all"], ["drop", "--all"]):
        assert run(server, *command, "--queue", "many") == "0\nwatchpost: there are none.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["redrive"], "Give their keys, or --all"),
        (["drop", "a/1", "--all"], "Give their keys, or --all"),
        (["drop", "a/1", "--queue", "a"], "give keys or those, not both"),
        (["redrive", "a/1"], "No dead letter has the key 'a/1'. List them to see the keys."),
        (["show", "a/1"], "No dead letter has the key 'a/1'"),
    ],
)
def test_what_cannot_be_meant_is_told(server: Server, arguments: list[str], words: str) -> None:
    told = run(server, *arguments)
    assert told.startswith("2\n")
    assert words in told


def test_without_a_server_the_message_says_how_to_start_one(tmp_path: Path, server: Server) -> None:
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write_address(tmp_path, f"http://127.0.0.1:{port}", "us-east-1", "000000000000")
    (tmp_path / "credentials").write_text((server.configuration.home / "credentials").read_text())
    done = CliRunner().invoke(
        watchpost, ["dead-letters", "list", "--home", str(tmp_path)], env={"AWS_ENDPOINT_URL": None}
    )
    assert done.exit_code == 2
    assert done.output == f"watchpost: No server answers at http://127.0.0.1:{port}. Start it with `watchpost serve`.\n"


@pytest.mark.usefixtures("letters")
def test_programs_reach_them_through_boto3(server: Server) -> None:
    """As docs/server.md does it."""
    boto3, session = pytest.importorskip("boto3"), Session()
    session.get_component("data_loader").search_paths.append(str(OWN_MODELS))
    pair = server.credentials.pair()
    client = boto3.Session(botocore_session=session).client(
        "watchpost",
        endpoint_url=address(server.configuration.home),
        region_name="us-east-1",
        aws_access_key_id=pair.access_key,
        aws_secret_access_key=pair.secret,
    )
    (letter,) = client.list_dead_letters(Outcome="unknown")["DeadLetters"]
    assert (letter["Queue"], letter["Subject"]) == ("red", "arn:red")
    with pytest.raises(client.exceptions.NotFoundException):
        client.drop_dead_letter(Key="red/1")


def test_a_letter_is_decided_about_once(store: Store, clock: ManualClock) -> None:
    give_up(store, clock.now(), "red", "failed")
    there = DeadLetters(store, clock)
    ((key, _),) = there.page()
    there.redrive(key, "me")
    for again in (there.redrive, there.drop):
        with pytest.raises(Refused, match="No dead letter"):
            again(key, "me")
