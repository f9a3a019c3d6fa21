"""Lists of executions and processing jobs, of which there may be a million: each page is one look into an index."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from watchpost.errors import Refused
from watchpost.service.monitoring.documents import MonitoringExecution, ProcessingJob
from watchpost.service.monitoring.runs_listed import executions_listed, jobs_listed
from watchpost.stores.sql.monitoring_runs import Listed, Order, Place, RunFilter

if TYPE_CHECKING:
    from watchpost.service.server import Server

R = TypeVar("R", MonitoringExecution, ProcessingJob)

_MOST, _USUAL = 100, 10
_EXECUTIONS: Mapping[str, Order] = {"ScheduledTime": "scheduled", "CreationTime": "created", "Status": "status"}
_JOBS: Mapping[str, Order] = {"Name": "key", "CreationTime": "created", "Status": "status"}


def page_of_executions(
    server: "Server", asked: Mapping[str, Any]
) -> tuple[Sequence[MonitoringExecution], dict[str, str]]:
    """The page of executions that a request asks for, and the answer's NextToken if there is more.

    Raises: Refused: ValidationException: a strange token.
    """
    wanted = RunFilter(
        schedule=asked.get("MonitoringScheduleName"),
        endpoint=asked.get("EndpointName"),
        definition=asked.get("MonitoringJobDefinitionName"),
        monitor=asked.get("MonitoringTypeEquals"),
        status=asked.get("StatusEquals"),
        scheduled=_between(asked, "ScheduledTime"),
        created=_between(asked, "CreationTime"),
        modified=_between(asked, "LastModifiedTime"),
    )
    order = _EXECUTIONS[asked.get("SortBy", "ScheduledTime")]
    found = executions_listed(
        server.store, wanted, _limit(asked) + 1, order, _after(asked, order), descending=_descending(asked)
    )
    return _page(found, asked, order)


def page_of_jobs(server: "Server", asked: Mapping[str, Any]) -> tuple[Sequence[ProcessingJob], dict[str, str]]:
    """The page of processing jobs that a request asks for, and the answer's NextToken if there is more.

    Raises: Refused: ValidationException: a strange token.
    """
    wanted = RunFilter(
        status=asked.get("StatusEquals"),
        named=asked.get("NameContains", ""),
        created=_between(asked, "CreationTime"),
        modified=_between(asked, "LastModifiedTime"),
    )
    order = _JOBS[asked.get("SortBy", "CreationTime")]
    found = jobs_listed(
        server.store, wanted, _limit(asked) + 1, order, _after(asked, order), descending=_descending(asked)
    )
    return _page(found, asked, order)


def _page(
    found: Sequence[tuple[Listed, R]], asked: Mapping[str, Any], order: Order
) -> tuple[Sequence[R], dict[str, str]]:
    limit = _limit(asked)
    some = [run for _, run in found[:limit]]
    if len(found) <= limit:
        return some, {}
    token = msgspec.json.encode((order, found[limit - 1][0].place))
    return some, {"NextToken": urlsafe_b64encode(token).decode()}


def _after(asked: Mapping[str, Any], order: Order) -> Place | None:
    if "NextToken" not in asked:
        return None
    try:
        of, place = msgspec.json.decode(urlsafe_b64decode(asked["NextToken"]), type=tuple[Order, Place])
        if order in {"scheduled", "created"}:
            datetime.fromisoformat(place[0])
        if order == "status":
            datetime.fromisoformat(place[1])
    except (ValueError, msgspec.MsgspecError):
        of = None
    if of != order:
        raise Refused("ValidationException", "NextToken is not valid.")
    return place


def _limit(asked: Mapping[str, Any]) -> int:
    limit: int = min(asked.get("MaxResults", _USUAL), _MOST)
    return limit


def _descending(asked: Mapping[str, Any]) -> bool:
    return bool(asked.get("SortOrder", "Descending") == "Descending")


def _between(asked: Mapping[str, Any], name: str) -> tuple[datetime | None, datetime | None]:
    return asked.get(f"{name}After"), asked.get(f"{name}Before")
