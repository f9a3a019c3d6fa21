"""Text messages, sent by whatever Apprise service the server's owner configured for them."""

import re
from dataclasses import replace

from watchpost.channels import apprise
from watchpost.channels._channel import Channel, Failed, Parcel, Sent
from watchpost.channels._settings import Settings
from watchpost.errors import Refused

_NUMBER = re.compile(r"\+?[0-9][0-9 .()-]{3,20}")
# One message part of the GSM alphabet times ten; more is cut by carriers at will.
_LONGEST = 1600


def check(_protocol: str, endpoint: str, settings: Settings) -> None:
    """Raise Refused unless it is a phone number and there is a service to send by."""
    if not _NUMBER.fullmatch(endpoint):
        raise Refused("InvalidParameterException", f"Invalid parameter: Invalid SMS endpoint: {endpoint}")
    if settings.sms is None:
        raise Refused(
            "InvalidParameterException",
            "Invalid parameter: Protocol Reason: this server cannot send text messages, for no service is configured. "
            "Set `apprise` under [sms] in channels.toml in its home folder and start it again",
        )


def send(parcel: Parcel, settings: Settings) -> Sent | Failed:
    """Send the text, without a subject, at most 1600 characters of it."""
    if settings.sms is None:
        return Failed("no service for text messages is configured: set [sms] in channels.toml", lasting=True)
    digits = "+" * parcel.endpoint.startswith("+") + re.sub(r"\D", "", parcel.endpoint)
    url = settings.sms.apprise.replace("{number}", digits)
    return apprise.send(replace(parcel, endpoint=url, subject=None, body=parcel.body[:_LONGEST]), settings)


plugin = Channel(protocols=("sms",), people=frozenset({"sms"}), confirmed=frozenset({"sms"}), check=check, send=send)
