"""`watchpost serve` and `watchpost env` as people run them: a real process, a real socket, real clients."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.request import urlopen

import pytest

COMMAND = [sys.executable, "-m", "watchpost"]
inherited = os.environ  # noqa: TID251  a child needs its parent's environment
PLAIN = {name: value for name, value in inherited.items() if not name.startswith(("AWS_", "WATCHPOST_"))}


class Running:
    """A server that was started and has said so."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path) -> None:
        assert process.stdout is not None
        self.process, self.home = process, home
        first = process.stdout.readline()
        assert " is running at " in first, (first, (home.parent / f"{home.name}.stderr").read_text())
        self.url = first.rpartition(" ")[2].strip()
        self.message = [process.stdout.readline() for _ in range(3)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def client(self, service: str) -> Any:
        boto3 = pytest.importorskip("boto3")
        keys = environment(self.home)
        return boto3.client(
            service,
            endpoint_url=keys["AWS_ENDPOINT_URL"],
            region_name=keys["AWS_REGION"],
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Running]:
    command = [*COMMAND, "serve", "--home", str(home), "--port", "0", *options]
    with (
        (home.parent / f"{home.name}.stderr").open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=PLAIN, cwd=home.parent
        ) as process,
    ):
        try:
            yield Running(process, home)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def watchpost(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, env=PLAIN, check=False)


def environment(home: Path) -> dict[str, str]:
    told = watchpost("env", "--home", home, "--json")
    assert told.returncode == 0, told.stderr
    return dict(json.loads(told.stdout))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("serving") / "a home"
    with serving(home, "--region", "eu-west-1", "--account", "123456789012", "--log-level", "debug") as server:
        yield server


def caller(server: Running) -> str:
    """The account, as STS of the server tells it to boto3."""
    return str(server.client("sts").get_caller_identity()["Account"])


def test_a_server_answers_boto3_where_env_says(server: Running) -> None:
    assert caller(server) == "123456789012"


def test_env_names_everything_the_clients_need(server: Running) -> None:
    told = environment(server.home)
    keys = {name: told.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert told == {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(server.home / "sagemaker.yaml"),
    }
    assert all(value in (server.home / "credentials").read_text() for value in keys.values())
    assert "DefaultS3Bucket: sagemaker-eu-west-1-123456789012" in (server.home / "sagemaker.yaml").read_text()


def test_the_start_message_names_the_line_that_points_clients_at_the_server(server: Running) -> None:
    assert f'eval "$(watchpost env --home {shlex.quote(str(server.home))})"' in server.message[1]


def test_a_shell_that_evaluates_env_reaches_the_server(server: Running) -> None:
    script = (
        f'eval "$({shlex.join(COMMAND)} env --home {shlex.quote(str(server.home))})"\n'
        f"{shlex.quote(sys.executable)} -m awscli sts get-caller-identity --query Account --output text"
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=PLAIN, check=False)
    assert (done.stdout, done.stderr) == ("123456789012\n", "")


def test_health_and_figures_are_there_for_whoever_watches_the_server(server: Running) -> None:
    caller(server)
    with urlopen(f"{server.url}/healthz") as answer:
        health = json.load(answer)
    assert (health["ok"], health["store"], {loop["beating"] for loop in health["loops"]}) == (True, None, {True})
    with urlopen(f"{server.url}/metrics") as answer:
        assert b'watchpost_requests_total{operation="GetCallerIdentity",service="sts",status="200"}' in answer.read()


def test_the_log_knows_each_request_by_the_id_the_client_was_told(server: Running) -> None:
    told = server.client("sts").get_caller_identity()["ResponseMetadata"]["RequestId"]
    lines = [json.loads(line) for line in (server.home / "logs" / "server.log").read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == told]
    assert (line["operation"], line["status"], line["level"]) == ("GetCallerIdentity", 200, "debug")


def test_everything_in_the_home_is_its_owners_alone(server: Running) -> None:
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in files} == {path.name: "0o0" for path in files}


def test_a_second_server_in_the_same_home_is_refused(server: Running) -> None:
    second = watchpost("serve", "--home", server.home, "--port", "0")
    assert second.returncode == 2
    assert f"A server runs in {str(server.home)!r} already at {server.url}" in second.stderr
    assert caller(server) == "123456789012"


def test_a_port_that_is_taken_is_told(server: Running, tmp_path: Path) -> None:
    second = watchpost("serve", "--home", tmp_path / "other", "--port", server.url.rpartition(":")[2])
    assert second.returncode == 2
    assert "that is free" in second.stderr


def test_a_request_that_was_begun_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with create_connection((host, int(port)), timeout=20) as connection:
            # Half a body: the request is under way until the rest comes.
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
            connection.sendall(b"ab")
            server.process.send_signal(signal.SIGTERM)
            listening = True
            while listening:
                listening = answers((host, int(port)))
            connection.sendall(b"cd")
            assert connection.recv(1000).startswith(b"HTTP/1.1 4")
        assert server.process.wait(30) == 0
    told = watchpost("env", "--home", tmp_path / "home")
    assert (told.returncode, "no server runs in" in told.stderr) == (0, True)


def answers(address: tuple[str, int]) -> bool:
    try:
        create_connection(address, timeout=20).close()
    except OSError:
        return False
    return True


def test_a_killed_server_comes_back_with_its_keys_and_its_name(tmp_path: Path) -> None:
    def kept(home: Path) -> list[str]:
        return [(home / name).read_text() for name in ("credentials", "server-id", "sagemaker.yaml")]

    with serving(tmp_path / "home") as server:
        before = kept(server.home)
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    with serving(tmp_path / "home") as server:
        assert kept(server.home) == before
        assert caller(server) == "000000000000"


def test_env_where_no_server_ever_ran_says_so(tmp_path: Path) -> None:
    told = watchpost("env", "--home", tmp_path / "none")
    assert (told.returncode, told.stdout) == (2, "")
    assert "a folder in which `watchpost serve` was started before" in told.stderr
    assert not (tmp_path / "none").exists()


def test_an_option_that_makes_no_sense_ends_with_exit_code_2(tmp_path: Path) -> None:
    told = watchpost("serve", "--home", tmp_path / "home", "--port", "0", "--region", "moon")
    assert (told.returncode, "The region is 'moon'" in told.stderr) == (2, True)


def test_a_server_runs_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    with (
        serving(tmp_path / "one", "--database", postgresql_url) as one,
        serving(tmp_path / "two", "--database", postgresql_url) as two,
    ):
        for server in (one, two):
            assert caller(server) == "000000000000"
        assert not (tmp_path / "one" / "watchpost.db").exists()
        assert (one.stop(signal.SIGINT), two.stop(signal.SIGTERM)) == (0, 0)
