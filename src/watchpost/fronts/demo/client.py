"""Operations of the AWS services, asked within this process as boto3 asks them over the wire."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchpost.fronts.aws.operation import AwsService, Call
from watchpost.fronts.aws.services import Served
from watchpost.registry import Family

if TYPE_CHECKING:
    from watchpost.service.server import Server


class Client:
    """Asks a server. Requests are validated by the services' own models, and nothing else is skipped but the wire."""

    def __init__(self, server: "Server") -> None:
        self._server, self._services = server, Family("watchpost.fronts.aws", AwsService)
        self._served: dict[str, Served] = {}

    def __call__(self, service: str, operation: str, **members: object) -> Mapping[str, object]:
        """The members of the answer. Raises: Refused."""
        served = self._served.get(service)
        if served is None:
            served = self._served[service] = Served(self._services.load(service.replace("-", "_")))
        served.validator.check(served.model.operations[operation], members)
        configuration = self._server.configuration
        call = Call(
            service=service,
            operation=operation,
            input=members,
            now=self._server.clock.now(),
            region=configuration.region,
            account=configuration.account,
            access_key="demo",
            request_id=self._server.new_id(),
            base_url=configuration.base_url,
        )
        return served.service.operations[operation](self._server, call) or {}
