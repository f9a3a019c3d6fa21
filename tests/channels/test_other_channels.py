"""Commands, Apprise, text messages, and the settings that only the owner writes."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from watchpost.channels import (
    CHANNELS,
    Command,
    Failed,
    Parcel,
    Sent,
    Settings,
    Sms,
    Smtp,
    channel_of,
    protocols,
    read_toml,
)
from watchpost.errors import Misconfigured, Refused
from watchpost.service.topics.channel_settings import read_settings, smtp_of

PARCEL = Parcel("1", datetime(2026, 7, 1, 12, tzinfo=UTC), "command", "note", None, "Ages drift; $(rm)")


def python(code: str, *arguments: str) -> Command:
    return Command((sys.executable, "-c", code, *arguments), timeout_seconds=30.0)


def run(command: Command) -> Sent | Failed:
    return channel_of("command").send(PARCEL, Settings(command={"note": command}))


# --- command --------------------------------------------------------------------------------------------------------


def test_a_command_gets_the_message_on_its_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    assert run(python(code, str(out))) == Sent("exit 0")
    assert out.read_text() == PARCEL.body


def test_a_command_that_fails_says_why() -> None:
    failed = run(python("import sys; sys.exit('no disk')"))
    assert failed == Failed("command 'note' ended with 1: no disk")


def test_a_command_that_does_not_read_its_input_is_no_fault() -> None:
    assert run(Command(("true",))) == Sent("exit 0")


def test_a_command_that_runs_too_long_is_stopped_with_all_it_started() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    command = Command((sys.executable, "-c", code), timeout_seconds=0.5)
    failed = run(command)
    assert failed == Failed("command 'note' ran longer than 0.5 s and was stopped")


def test_a_command_that_is_not_there_is_not_tried_again() -> None:
    failed = run(Command(("no-such-command-anywhere",)))
    assert isinstance(failed, Failed)
    assert failed.lasting


def test_only_configured_commands_can_be_subscribed() -> None:
    channel_of("command").check("command", "note", Settings(command={"note": Command(("true",))}))
    with pytest.raises(Refused, match=r"Only the server's owner can add one, as \[command\.other\]"):
        channel_of("command").check("command", "other", Settings())


# --- Apprise and text messages --------------------------------------------------------------------------------------


@pytest.fixture
def chat() -> Iterator[tuple[str, list[bytes], list[int]]]:
    """Host and port of a chat service, what it was sent, and the answers it gives (200 when there are none left)."""
    taken, answers = list[bytes](), list[int]()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.pop() if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", taken, answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_apprise_takes_the_text_to_the_service(chat: tuple[str, list[bytes], list[int]]) -> None:
    place, taken, _ = chat
    parcel = replace(PARCEL, endpoint=f"json://{place}/hook", subject="Drift")
    assert isinstance(channel_of("apprise").send(parcel, Settings()), Sent)
    assert b"Ages drift" in taken[0]
    assert b"Drift" in taken[0]


def test_apprise_says_why_it_was_not_taken(chat: tuple[str, list[bytes], list[int]]) -> None:
    place, _, answers = chat
    answers.append(500)
    failed = channel_of("apprise").send(replace(PARCEL, endpoint=f"json://{place}/"), Settings())
    assert isinstance(failed, Failed)
    assert not failed.lasting
    assert "500" in failed.why


def test_a_secret_in_an_apprise_url_is_masked() -> None:
    shown = channel_of("apprise").shown("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops")
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in shown


@pytest.mark.parametrize("url", ["", "nonsense", "nosuch://x", "syslog://", "dbus://"])
def test_what_apprise_does_not_know_or_the_server_must_not_do_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="Endpoint Reason"):
        channel_of("apprise").check("apprise", url, Settings())


def test_a_text_message_goes_to_the_number_by_the_owners_service(chat: tuple[str, list[bytes], list[int]]) -> None:
    place, taken, _ = chat
    settings = Settings(sms=Sms(f"json://{place}/{{number}}"))
    sms = channel_of("sms")
    sms.check("sms", "+49 151 234567", settings)
    assert isinstance(sms.send(replace(PARCEL, endpoint="+49 151 234567"), settings), Sent)
    assert b"Ages drift" in taken[0]


def test_without_a_service_text_messages_are_refused() -> None:
    with pytest.raises(Refused, match=r"`apprise` under \[sms\]"):
        channel_of("sms").check("sms", "+49151234567", Settings())
    with pytest.raises(Refused, match="Invalid SMS endpoint: none"):
        channel_of("sms").check("sms", "none", Settings())


# --- the family and its settings ------------------------------------------------------------------------------------


def test_every_protocol_leads_to_one_channel() -> None:
    assert dict(protocols()) == {
        "apprise": "apprise",
        "command": "command",
        "email": "email",
        "email-json": "email",
        "http": "webhook",
        "https": "webhook",
        "sms": "sms",
    }
    assert set(protocols().values()) == set(CHANNELS.names())


@pytest.mark.parametrize("protocol", ["sqs", "lambda", "firehose", "application"])
def test_protocols_into_other_services_are_refused_by_name(protocol: str) -> None:
    with pytest.raises(Refused, match="Protocol Reason: this server has no"):
        channel_of(protocol)


def test_an_unknown_protocol_is_refused_in_the_services_words() -> None:
    with pytest.raises(Refused, match="Amazon SNS does not support this protocol string: pigeon"):
        channel_of("pigeon")


def test_settings_are_read_from_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "channels.toml").write_text(
        f"""
        [smtp]
        host = "mail.example.com"
        sender = "watchpost@example.com"
        user = "w"
        password_file = "{tmp_path / "secret"}"

        [command.note]
        argv = ["tee", "note.txt"]

        [incidents]
        window_seconds = 0
        """
    )
    settings = read_settings(tmp_path, {})
    assert settings.smtp is not None
    assert (settings.smtp.port, settings.smtp.tls, settings.smtp.password) == (587, "starttls", "hush")
    assert settings.command == {"note": Command(("tee", "note.txt"))}
    assert settings.incidents.window_seconds == 0


def test_without_a_file_there_is_no_mail_and_no_command(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == Settings()


def test_the_environments_mail_server_goes_first(tmp_path: Path) -> None:
    url = "smtps://u%40x:p%2Fw@mail.example.com/?sender=w@example.com"
    assert read_settings(tmp_path, {"WATCHPOST_SMTP_URL": url}).smtp == Smtp(
        "mail.example.com", "w@example.com", 465, "implicit", "u@x", "p/w"
    )


@pytest.mark.parametrize("url", ["mail.example.com", "http://h/?sender=a@b", "smtp://h", "smtp://h:x/?sender=a@b"])
def test_a_mail_url_that_makes_no_sense_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured, match="smtp\\+starttls://") as refused:
        smtp_of(url)
    assert url not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["[smtp", "[smpt]\nhost = 'h'", "[smtp]\nhost = 'h'", "[command.x]\nargv = []", "[incidents]\nwindow_seconds = -1"],
)
def test_settings_that_make_no_sense_are_refused_and_named(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"channels\.toml"):
        read_toml(text)
