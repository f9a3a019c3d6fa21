"""Slack, Teams, PagerDuty, Matrix, Telegram and a hundred more, by their Apprise URL (an extension of SNS)."""

import logging
import warnings
from functools import cache
from threading import get_ident
from typing import TYPE_CHECKING

from watchpost.channels._channel import Channel, Failed, Parcel, Sent
from watchpost.channels._settings import Settings
from watchpost.errors import Refused

if TYPE_CHECKING:
    from apprise import Apprise, NotifyBase

# They act on the desktop of the machine the server runs on, which is nobody's to use from outside.
_LOCAL = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


def check(_protocol: str, endpoint: str, _settings: Settings) -> None:
    """Raise Refused unless Apprise knows the URL; those that act on the server's own machine are refused."""
    scheme = endpoint.partition("://")[0].lower()
    if scheme in _LOCAL:
        raise Refused(
            "InvalidParameterException", f"Invalid parameter: Endpoint Reason: {scheme}:// acts on the server itself"
        )
    if service(endpoint) is None:
        raise Refused(
            "InvalidParameterException",
            f"Invalid parameter: Endpoint Reason: not an Apprise URL: {scheme}://… "
            "Expected one like slack://TokenA/TokenB/TokenC or mailto://user:password@example.com",
        )


def send(parcel: Parcel, _settings: Settings) -> Sent | Failed:
    """Hand the text to the service; Apprise says only yes or no, so every failure may pass."""
    target = service(parcel.endpoint)
    if target is None:
        return Failed("Apprise does not know this URL", lasting=True)
    logger, reasons = logging.getLogger("apprise"), _Reasons()
    logger.addHandler(reasons)
    try:
        taken = target.notify(body=parcel.body, title=parcel.subject or "")
    except (OSError, TypeError, ValueError) as problem:
        return Failed(f"{target.service_name}: {problem}")
    finally:
        logger.removeHandler(reasons)
    if taken:
        return Sent(f"taken by {target.service_name}")
    return Failed(f"{target.service_name} did not take it{reasons.text()}")


def shown(endpoint: str) -> str:
    """The URL with its tokens and passwords masked."""
    target = service(endpoint)
    scheme = endpoint.partition("://")[0]
    return f"{scheme}://****" if target is None else str(target.url(privacy=True))  # type: ignore[no-untyped-call]  # Apprise types its door only


def service(endpoint: str) -> "NotifyBase | None":
    """What Apprise makes of a URL; None if nothing."""
    return _library().instantiate(endpoint, suppress_exceptions=True)


@cache
def _library() -> "type[Apprise]":
    with warnings.catch_warnings():
        # Some of its plugins import what Python is going to drop; that is nothing the server's owner can mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise  # noqa: PLC0415 - 0.3 s, only where a message is sent that way

        Apprise.instantiate("json://localhost")  # its plugins are only imported now
    return Apprise


class _Reasons(logging.Handler):
    """Gathers what Apprise logs in this thread, for that is the only place where it gives its reasons."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread, self._lines = get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    def text(self) -> str:
        return f": {'; '.join(self._lines)[:500]}" if self._lines else ""


plugin = Channel(
    protocols=("apprise",),
    people=frozenset({"apprise"}),
    confirmed=frozenset({"apprise"}),
    check=check,
    send=send,
    shown=shown,
)
