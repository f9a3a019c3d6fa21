"""Mail by SMTP, plain text. `email` gets sentences, `email-json` the notification as JSON."""

import re
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from watchpost.channels._channel import Channel, Failed, Parcel, Sent
from watchpost.channels._settings import Settings, Smtp
from watchpost.errors import Refused

# What mail servers take in practice; no blanks or control characters, which could add headers or recipients.
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,255}")


def check(_protocol: str, endpoint: str, settings: Settings) -> None:
    """Raise Refused unless it is a mail address and there is a mail server to send by."""
    if not _ADDRESS.fullmatch(endpoint):
        raise Refused("InvalidParameterException", "Invalid parameter: Email address")
    if settings.smtp is None:
        raise Refused(
            "InvalidParameterException",
            "Invalid parameter: Protocol Reason: this server cannot send mail, for no mail server is configured. "
            "Set `host` and `sender` under [smtp] in channels.toml in its home folder (or the environment variable "
            "WATCHPOST_SMTP_URL) and start it again",
        )


def send(parcel: Parcel, settings: Settings) -> Sent | Failed:
    """Send one mail; a refusal with a code of 5xx lasts, anything else may pass."""
    smtp = settings.smtp
    if smtp is None:
        return Failed("no mail server is configured: set [smtp] in channels.toml", lasting=True)
    try:
        with _connected(smtp) as server:
            server.send_message(_mail(parcel, smtp))
    except smtplib.SMTPRecipientsRefused as refused:
        code, answer = next(iter(refused.recipients.values()))
        return Failed(f"the mail server refused the recipient: {code} {_text(answer)}", lasting=code >= 500)
    except smtplib.SMTPAuthenticationError as refused:
        # The password can be corrected while the mail waits.
        return Failed(f"the mail server refused the login: {refused.smtp_code} {_text(refused.smtp_error)}")
    except smtplib.SMTPResponseException as refused:
        lasting = refused.smtp_code >= 500
        return Failed(f"the mail server answered {refused.smtp_code} {_text(refused.smtp_error)}", lasting)
    except (OSError, smtplib.SMTPException, UnicodeError) as problem:
        return Failed(f"no mail could be sent by {smtp.host}:{smtp.port}: {problem}")
    return Sent(f"taken by {smtp.host}")


def _connected(smtp: Smtp) -> smtplib.SMTP:
    secure = None if smtp.tls == "none" else ssl.create_default_context(cafile=smtp.ca_file or None)
    if smtp.tls == "implicit":
        server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.timeout_seconds, context=secure)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout_seconds)
    try:
        if smtp.tls == "starttls":
            server.starttls(context=secure)
        if smtp.user:
            server.login(smtp.user, smtp.password)
    except BaseException:
        server.close()
        raise
    return server


def _mail(parcel: Parcel, smtp: Smtp) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = smtp.sender, parcel.endpoint
    mail["Subject"] = parcel.subject or "Notification"
    mail["Date"] = format_datetime(parcel.at)
    # The same at every attempt: a mail server that took it before it failed can tell.
    mail["Message-ID"] = f"<{parcel.id}@{smtp.sender.rpartition('@')[2].strip('> ') or 'watchpost'}>"
    # Keeps holiday replies of people from coming back to the server.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(parcel.body)
    return mail


def _text(answer: object) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)


plugin = Channel(
    protocols=("email", "email-json"),
    people=frozenset({"email"}),
    confirmed=frozenset(),
    check=check,
    send=send,
)
