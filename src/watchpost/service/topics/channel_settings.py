"""Reading the settings of the channels: `channels.toml` in the home folder, and WATCHPOST_SMTP_URL."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from watchpost.channels import Settings, Smtp, read_toml
from watchpost.errors import Misconfigured

FILE = "channels.toml"
SMTP_URL = "WATCHPOST_SMTP_URL"
_TLS: Mapping[str, Literal["starttls", "implicit", "none"]] = {
    "smtp": "none",
    "smtps": "implicit",
    "smtp+starttls": "starttls",
}
_PORTS = {"none": 25, "implicit": 465, "starttls": 587}


def read_settings(home: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a home folder; without a file, the defaults. The environment's mail server goes first.

    Raises: Misconfigured: the file or the variable makes no sense, or a file named in it cannot be read.
    """
    environment = os.environ if environment is None else environment
    path = home / FILE
    settings = read_toml(path.read_text(encoding="utf-8"), str(path)) if path.exists() else Settings()
    if environment.get(SMTP_URL):
        settings = msgspec.structs.replace(settings, smtp=smtp_of(environment[SMTP_URL]))
    smtp = settings.smtp
    if smtp is not None and smtp.password_file:
        try:
            password = Path(smtp.password_file).read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise Misconfigured("smtp.password_file", str(problem), "a file this server may read") from problem
        settings = msgspec.structs.replace(settings, smtp=msgspec.structs.replace(smtp, password=password))
    return settings


def smtp_of(url: str) -> Smtp:
    """The mail server of a URL: `smtp+starttls://user:password@host:587/?sender=watchpost@example.com`.

    `smtp` sends in the clear, `smtps` and `smtp+starttls` verify the server's certificate.
    Raises: Misconfigured: it is none of these. The message does not repeat the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        tls, host, port = _TLS[parts.scheme], parts.hostname, parts.port
    except (KeyError, ValueError):
        tls, host, port = "none", None, None
    sender = parse_qs(urlsplit(url).query).get("sender", [""])[0] if host else ""
    if not host or not sender:
        raise Misconfigured(SMTP_URL, "(hidden)", "smtp+starttls://user:password@host:587/?sender=name@example.com")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Smtp(host=host, sender=sender, port=port or _PORTS[tls], tls=tls, user=user, password=password)
