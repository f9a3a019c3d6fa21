"""Channels: how a person or a system is told. A family: one file a channel, found by its name.

A channel serves one or more of SNS's subscription protocols (`Channel.protocols`) and does one thing: it sends one
parcel and says what became of it. Retries, confirmation, grouping and signatures are decided elsewhere.
"""

from watchpost.channels._channel import CHANNELS, Channel, Failed, Parcel, Sent, channel_of, protocols
from watchpost.channels._settings import Command, Settings, Sms, Smtp, read_toml

__all__ = [
    "CHANNELS",
    "Channel",
    "Command",
    "Failed",
    "Parcel",
    "Sent",
    "Settings",
    "Sms",
    "Smtp",
    "channel_of",
    "protocols",
    "read_toml",
]
