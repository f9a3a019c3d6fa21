"""Mail against a real SMTP server."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from watchpost.channels import Failed, Parcel, Sent, Settings, Smtp, channel_of
from watchpost.errors import Refused

MAIL = channel_of("email")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PARCEL = Parcel("id-1", NOON, "email", "ann@example.com", "Drift", "Ages drift: ü\n" + "x" * 2000)


@dataclass
class Mailbox:
    """Takes mail, or answers `refusal` to a recipient."""

    port: int = 0
    refusal: str = ""
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name and arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
        return "250 taken"


class AnyPort(Controller):
    """A controller on whichever port is free."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    def known(*arguments: object) -> AuthResult:
        login = arguments[-1]
        assert isinstance(login, LoginPassword)
        return AuthResult(success=login.password == b"right", handled=False)

    controller = AnyPort(
        box, hostname="127.0.0.1", port=0, auth_require_tls=False, authenticator=known, auth_exclude_mechanism=["LOGIN"]
    )
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def settings(box: Mailbox, user: str = "", password: str = "") -> Settings:
    sender = "Watchpost <watchpost@example.com>"
    return Settings(smtp=Smtp("127.0.0.1", sender, box.port, "none", user, password, timeout_seconds=5.0))


def test_a_mail_arrives_whole(mailbox: Mailbox) -> None:
    assert MAIL.send(PARCEL, settings(mailbox)) == Sent("taken by 127.0.0.1")
    (letter,) = mailbox.letters
    assert (letter["To"], letter["Subject"], letter["Message-ID"]) == (
        "ann@example.com",
        "Drift",
        "<id-1@example.com>",
    )
    assert letter["Date"] == "Wed, 01 Jul 2026 12:00:00 +0000"
    assert letter.get_content().replace("\r\n", "\n").rstrip("\n") == PARCEL.body


@pytest.mark.parametrize(("answer", "lasting"), [("550 no such user", True), ("451 try later", False)])
def test_a_refused_recipient_is_given_up_only_for_good_reasons(mailbox: Mailbox, answer: str, lasting: bool) -> None:
    mailbox.refusal = answer
    failed = MAIL.send(PARCEL, settings(mailbox))
    assert failed == Failed(f"the mail server refused the recipient: {answer}", lasting)


def test_the_server_logs_in_where_a_user_is_set(mailbox: Mailbox) -> None:
    assert isinstance(MAIL.send(PARCEL, settings(mailbox, "w", "right")), Sent)


def test_a_wrong_password_may_be_corrected_while_the_mail_waits(mailbox: Mailbox) -> None:
    failed = MAIL.send(PARCEL, settings(mailbox, "w", "wrong"))
    assert isinstance(failed, Failed)
    assert not failed.lasting
    assert "refused the login" in failed.why


def test_a_mail_server_that_is_not_there_may_be_there_later() -> None:
    failed = MAIL.send(PARCEL, Settings(smtp=Smtp("127.0.0.1", "w@example.com", 1, "none", timeout_seconds=5.0)))
    assert isinstance(failed, Failed)
    assert not failed.lasting


def test_a_server_that_offers_no_encryption_gets_no_mail_when_it_is_demanded(mailbox: Mailbox) -> None:
    demanding = Settings(smtp=Smtp("127.0.0.1", "w@example.com", mailbox.port, "starttls", timeout_seconds=5.0))
    assert isinstance(MAIL.send(PARCEL, demanding), Failed)
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "address", ["", "ann", "@example.com", "ann@", "a b@example.com", "a@b\nBcc: c@d", "a@b,c@d", "<a@b>"]
)
def test_what_is_no_mail_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="Invalid parameter: Email address"):
        MAIL.check("email", address, Settings(smtp=Smtp("h", "w@example.com")))


def test_without_a_mail_server_subscribing_by_mail_says_what_to_set() -> None:
    with pytest.raises(Refused, match=r"`host` and `sender` under \[smtp\] in channels\.toml"):
        MAIL.check("email", "ann@example.com", Settings())
