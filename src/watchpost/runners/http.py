"""A server that speaks HTTP already: SageMaker's own containers, MLflow, BentoML, Triton, anything of your own.

It is asked by `POST /invocations` and must answer `GET /ping` with 200 before it gets traffic; both paths can be set.
"""

from urllib.parse import urlsplit

from watchpost.runners._runner import Container, NoRunner, Runner, Upstream
from watchpost.runners._settings import Settings

URL, INVOCATIONS, PING = "WATCHPOST_URL", "WATCHPOST_INVOCATIONS_PATH", "WATCHPOST_PING_PATH"
_SCHEMES = ("http://", "https://")


def means(container: Container) -> bool:
    """Whether the image is a URL, or the environment has one."""
    return container.image.startswith(_SCHEMES) or bool(container.variable(URL))


def plan(container: Container, settings: Settings) -> Upstream:
    """The server to ask. Raises: NoRunner: it is no URL, or not one the owner allows."""
    url = (container.variable(URL) or container.image).rstrip("/")
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        good = False
    if not good or parts.query or parts.fragment or parts.username:
        raise NoRunner(f"{url!r} is no address of a model server; expected a URL like http://127.0.0.1:8080.")
    allowed = settings.http.upstreams
    if allowed and not any(_below(url, beginning) for beginning in allowed):
        raise NoRunner(f"{url!r} is not among the servers that runners.toml allows under [http] upstreams.")
    variables = dict(container.environment)
    invocations, ping = variables.get(INVOCATIONS, "/invocations"), variables.get(PING, "/ping")
    for name, path in ((INVOCATIONS, invocations), (PING, ping or "/")):
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise NoRunner(f"{name} is {path!r}; expected a path that begins with a slash.")
    return Upstream(url, invocations, ping or None)


def _below(url: str, beginning: str) -> bool:
    """Whether a URL is what the owner wrote or lies under it; `http://model` does not allow `http://model.evil`."""
    plain = beginning.rstrip("/")
    return url == plain or url.startswith(f"{plain}/")


plugin = Runner(means, plan)
