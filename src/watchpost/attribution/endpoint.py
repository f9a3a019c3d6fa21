"""The one place where an explainer's questions leave the process: HTTP, by the standard library."""

from collections.abc import Mapping
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from watchpost.attribution.errors import ModelUnreachable
from watchpost.attribution.remote import Send

_LARGEST_ANSWER = 256 * 1024 * 1024  # bytes; 10,000 scores are 200 kB


def http_send(url: str, *, timeout_seconds: float = 60.0, headers: Mapping[str, str] | None = None) -> Send:
    """Posts bodies to an endpoint, `http://host:port/invocations`, say.

    Args: timeout_seconds: to connect, and between two pieces of the answer. headers: sent with each request.
    What it returns raises ModelUnreachable for a refused connection, a time-out, an error status (with the beginning of
    its body) and an answer of more than 256 MB. Raises: ModelUnreachable for a URL that is neither http nor https.
    """
    if not url.startswith(("http://", "https://")):
        raise ModelUnreachable(url, "expected a URL that begins with http:// or https://")
    given = dict(headers or {})

    def send(body: bytes, content_type: str) -> bytes:
        request = Request(url, data=body, headers={"Content-Type": content_type, **given}, method="POST")  # noqa: S310  checked above
        try:
            with urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310  checked above
                content: bytes = answer.read(_LARGEST_ANSWER + 1)
        except HTTPError as error:
            with error:
                said = error.read(300).decode("utf-8", errors="replace").strip()
            raise ModelUnreachable(url, f"status {error.code}, {said or error.reason}", error.code) from error
        except URLError as error:
            raise ModelUnreachable(url, str(error.reason)) from error
        except OSError as error:  # a time-out or a reset while the answer was read
            raise ModelUnreachable(url, str(error) or type(error).__name__) from error
        if len(content) > _LARGEST_ANSWER:
            raise ModelUnreachable(url, f"its answer is longer than {_LARGEST_ANSWER} bytes")
        return content

    return send
