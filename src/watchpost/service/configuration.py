"""The server's settings, read once at the start and passed on as a value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Configuration:
    """How one server runs.

    `region` and `account` stand in every ARN it gives out. `base_url` is how others reach it; links in messages start
    with it. `signature_skew` is how many seconds a signed request's clock may differ from ours.
    """

    home: Path
    region: str = "us-east-1"
    account: str = "000000000000"
    host: str = "127.0.0.1"
    port: int = 8790
    base_url: str = "http://127.0.0.1:8790"
    database: str | None = None
    signature_skew: float = 300.0
