"""What a browser's request must be: for a host of ours, from a page of ours where it changes something.

A page of a stranger can point its own name at this machine and read what is served under that name (DNS rebinding);
it cannot do so with an address or with `localhost`, so these and the configured host are the only ones answered.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from watchpost.fronts.aws.signature import ADDED_ON_THE_WAY
from watchpost.fronts.aws.wire import Request

# Printable ASCII without backslash, and no second slash: browsers take those for the start of another host.
_OWN_PATH = re.compile(r"/(?:(?![/\\])[!-\[\]-~]*)?")
_FOR_AWS = re.compile(r"(^|&)(X-Amz-[A-Za-z-]+|AWSAccessKeyId|Action)=")


def is_for_aws(head: Request) -> bool:
    """Whether an AWS client sent this, or it is a link of SNS: signed, or with a header or parameter of AWS's."""
    headers = head.headers
    return (
        headers.get("authorization", "").lstrip().upper().startswith("AWS")
        or any(name.startswith(("x-amz-", "amz-sdk-", "smithy-")) for name in headers.keys() - ADDED_ON_THE_WAY)
        or _FOR_AWS.search(head.query) is not None
    )


def is_our_host(host: str, base_url: str, listens_at: str) -> bool:
    """Whether a Host header names us: an IP address, `localhost`, the base URL's host or the one we listen at.

    >>> [is_our_host(host, "https://w.example", "127.0.0.1") for host in ("w.example", "[::1]:80", "evil.example")]
    [True, True, False]
    """
    name = _host_name(host)
    if name is None:
        return False
    if name in {"localhost", urlsplit(base_url).hostname, listens_at.lower()} or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_from_us(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether a request that changes something comes from a page of ours, as the browser says.

    A proxy may end TLS and rename the host, so the origin's host counts, not its scheme.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    try:
        netloc = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(netloc) and netloc in {headers.get("host", "").lower(), urlsplit(base_url).netloc.lower()}


def is_own_path(path: str) -> bool:
    """Whether a browser that is sent there stays here, on a page worth coming back to.

    >>> [is_own_path(path) for path in ("/alarms/a?x=1", "//evil.example", "https://x", "/sign-in")]
    [True, False, False, False]
    """
    return _OWN_PATH.fullmatch(path) is not None and not path.startswith(("/sign-in", "/sign-out"))


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether the browser asks ahead of its user, who may never come."""
    return any("prefetch" in headers.get(name, "").lower() for name in ("sec-purpose", "purpose", "x-moz"))


def cookies_of(header: str) -> dict[str, str]:
    """The cookies of a Cookie header; of two of one name the first, which is the more specific one."""
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def set_cookie(name: str, value: str, seconds: int, base_url: str, path: str = "/") -> str:
    """A Set-Cookie header that no script reads and no other site's form sends; 0 seconds remove it.

    SameSite=Lax, not Strict: a click on the link of a letter in a web mailer must arrive signed in.
    """
    secure = "; Secure" if base_url.startswith("https:") else ""
    return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def _host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets, in lower case; None if it is none."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host)
    return None if found is None else found[1].strip("[]").lower().rstrip(".")
