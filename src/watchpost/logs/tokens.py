"""Tokens that a listing gives out to be continued: opaque to clients, checked when they come back."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from zlib import crc32

from watchpost.errors import Refused


def page_token(place: str) -> str:
    """A token for a place in a listing.

    >>> read_token(page_token("after this"))
    'after this'
    """
    body = place.encode()
    return urlsafe_b64encode(crc32(body).to_bytes(4) + body).decode().rstrip("=")


def read_token(token: str) -> str:
    """The place that a token stands for.

    Raises: Refused InvalidParameterException: it is none of ours.
    """
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        if raw[:4] == crc32(raw[4:]).to_bytes(4):
            return raw[4:].decode()
    except (binascii.Error, UnicodeError):
        pass
    raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
