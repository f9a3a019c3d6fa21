"""Webhooks: SNS's own signed JSON, POSTed to an address over HTTP or HTTPS."""

from urllib.parse import urlsplit

from watchpost.channels._channel import Channel, Failed, Parcel, Sent
from watchpost.channels._settings import Settings
from watchpost.errors import Refused

_TOO_MANY = 429


def check(protocol: str, endpoint: str, _settings: Settings) -> None:
    """Raise Refused unless it is an address of the protocol.

    Private addresses are allowed, for the server and those it tells usually share a network; see docs/notifications.md.
    """
    try:
        parts = urlsplit(endpoint)
        known = parts.scheme == protocol and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or not endpoint.isascii() or any(c.isspace() or not c.isprintable() for c in endpoint):
        raise Refused("InvalidParameterException", "Invalid parameter: Endpoint must match the specified protocol")


def send(parcel: Parcel, settings: Settings) -> Sent | Failed:
    """POST the body; redirects are not followed, and of the answer only the status counts.

    Timeouts, connection errors, 429 and 5xx may pass; any other answer but 2xx lasts.
    """
    import urllib3  # noqa: PLC0415 - only where something is sent

    limit = settings.https.timeout_seconds
    address, login = _without_login(parcel.endpoint)
    headers = dict(parcel.headers) | {"Accept-Encoding": "gzip,deflate"}
    if login is not None:
        headers |= urllib3.make_headers(basic_auth=login)
    # A pool for one request: subscribers are many and rarely called, and no connection outlives its delivery.
    with urllib3.PoolManager(1, retries=False, ca_certs=settings.https.ca_file or None) as pool:
        try:
            answer = pool.request(
                "POST",
                address,
                body=parcel.body.encode(),
                headers=headers,
                timeout=urllib3.Timeout(total=limit),
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            return Failed(f"no answer from {shown(parcel.endpoint)}: {problem}")
        status = answer.status
        answer.close()
    if 200 <= status < 300:
        return Sent(f"HTTP {status}")
    return Failed(f"the endpoint answered HTTP {status}", lasting=status != _TOO_MANY and status < 500)


def shown(endpoint: str) -> str:
    """The address with a password in it masked, as SNS does.

    >>> shown("https://ci:secret@example.com/hook")
    'https://ci:****@example.com/hook'
    """
    address, login = _without_login(endpoint)
    if login is None:
        return endpoint
    user = login.partition(":")[0]
    return address.replace("://", f"://{user}:****@", 1)


def _without_login(endpoint: str) -> tuple[str, str | None]:
    """The address without `user:password@`, and that."""
    parts = urlsplit(endpoint)
    login, at, place = parts.netloc.rpartition("@")
    return (parts._replace(netloc=place).geturl(), login) if at else (endpoint, None)


plugin = Channel(
    protocols=("http", "https"), people=frozenset(), confirmed=frozenset(), check=check, send=send, shown=shown
)
