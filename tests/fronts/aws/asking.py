"""A server over a real store with services of the test's making, and requests signed as botocore signs them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from socket import create_server
from threading import Thread
from typing import Any

import boto3
import botocore.model
import uvicorn
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from watchpost.fronts.aws.dispatch import Dispatch
from watchpost.fronts.aws.operation import AwsService
from watchpost.fronts.aws.services import Served, Services
from watchpost.fronts.aws.wire import Request, Response
from watchpost.fronts.listening import uvicorn_settings
from watchpost.service.server import Server

HOST = "127.0.0.1:8790"
AUTHS = {"s3": S3SigV4Auth}


def services_of(*plugins: AwsService) -> Services:
    return Services({plugin.name: Served(plugin) for plugin in plugins})


def signed(
    server: Server,
    service: str,
    method: str = "POST",
    url: str = f"http://{HOST}/",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    expires: int | None = None,
) -> Request:
    """A request signed by botocore, as it arrives."""
    pair = server.credentials.pair()
    keys = Credentials(pair.access_key, pair.secret)
    made = AWSRequest(method=method, url=url, data=body, headers={"Host": HOST, **(headers or {})})
    if expires is None:
        AUTHS.get(service, SigV4Auth)(keys, service, "us-east-1").add_auth(made)
    else:
        SigV4QueryAuth(keys, service, "us-east-1", expires).add_auth(made)
    ready = made.prepare()
    path, _, query = ready.url.removeprefix(f"http://{HOST}").partition("?")
    plain = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in ready.headers.items()
    }
    return Request(method, path or "/", query, plain, body)


def ask(server: Server, services: Services, request: Request) -> Response:
    return Dispatch(server, services).respond(request, "http")


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The application on a real socket of this machine; its URL."""
    with create_server(("127.0.0.1", 0)) as socket:
        web = uvicorn.Server(uvicorn_settings(app))
        thread = Thread(target=web.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            # The socket takes connections before uvicorn does; they wait.
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            web.should_exit = True
            thread.join()


def client(server: Server, url: str, service: str, protocol: str | None = None, **config: Any) -> Any:
    """A boto3 client; `protocol` is botocore's word for the one it is to speak."""
    pair = server.credentials.pair()
    before = botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS
    if protocol:
        botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS = (protocol,)
    try:
        return boto3.Session().client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=pair.access_key,
            aws_secret_access_key=pair.secret,
            config=Config(**config),
        )
    finally:
        botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS = before
