"""The server's settings, read once at the start and passed on as a value."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from watchpost.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Configuration:
    """How one server runs.

    `region` and `account` stand in every ARN it gives out. `base_url` is how others reach it; links in messages start
    with it. `signature_skew` is how many seconds a signed request's clock may differ from ours. `objects` is where
    objects are kept instead of the home folder: `s3://bucket/prefix` or another folder.
    """

    home: Path
    region: str = "us-east-1"
    account: str = "000000000000"
    host: str = "127.0.0.1"
    port: int = 8790
    base_url: str = "http://127.0.0.1:8790"
    database: str | None = None
    signature_skew: float = 300.0
    objects: str | None = None


def configured(
    *,
    home: Path,
    host: str,
    port: int,
    database: str | None,
    region: str,
    account: str,
    base_url: str | None,
    objects: str | None = None,
) -> Configuration:
    """Settings as an operator gives them, checked. Raises: Misconfigured: one of them makes no sense.

    Without a base URL the address the server listens at stands in links; that suits who runs it for themselves.
    """
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}", region):
        raise Misconfigured("The region", region, "a name like us-east-1")
    if not re.fullmatch(r"[0-9]{12}", account):
        raise Misconfigured("The account", account, "twelve digits")
    base = url_of(host, port) if base_url is None else base_url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured("The base URL", base, "an address like https://watchpost.example.com")
    return Configuration(home, region, account, host, port, base, database, objects=objects)


def url_of(host: str, port: int) -> str:
    """The URL at which a server that listens at `host` is reached from its own machine.

    >>> url_of("0.0.0.0", 80), url_of("::1", 8790)
    ('http://127.0.0.1:80', 'http://[::1]:8790')
    """
    reached = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
