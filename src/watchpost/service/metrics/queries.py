"""GetMetricData over what is stored: queries, metric math, SEARCH, Metrics Insights, anomaly bands, in pages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from math import ceil, floor

from watchpost.errors import Refused
from watchpost.metrics import pages
from watchpost.metrics.labels import Surroundings, check_labels
from watchpost.metrics.query import Fetch, Query, Result, Span, data
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.anomaly_detectors import AnomalyDetectors

MOST_QUERIES = 500


@dataclass(frozen=True, slots=True)
class DataRequest:
    """One call of GetMetricData; `offset` is the time zone of instants in labels."""

    queries: tuple[Query, ...]
    start: datetime
    end: datetime
    descending: bool = True
    most: int = pages.MOST_DATAPOINTS
    token: str | None = None
    offset: timezone = UTC


@dataclass(frozen=True, slots=True)
class DataPage:
    """One page of an answer, and the token of the next one."""

    parts: tuple[pages.Part, ...]
    token: str | None


class MetricQueries:
    """Answers questions about many metrics at once."""

    def __init__(self, metrics: Fetch, detectors: AnomalyDetectors, clock: Clock, configuration: Configuration) -> None:
        self._metrics, self._detectors, self._clock = metrics, detectors, clock
        self._region, self._account = configuration.region, configuration.account

    def page(self, request: DataRequest) -> DataPage:
        """One page of the request's answer.

        Raises: Refused: ValidationError for a request that makes no sense, InvalidNextToken.
        """
        _check(request)
        place = pages.Place() if request.token is None else pages.read_token(request.token, _fingerprint(request))
        found = pages.page(self.results(request), place, request.most, request.descending)
        token = None if found.next is None else pages.write_token(found.next, _fingerprint(request))
        return DataPage(found.parts, token)

    def results(self, request: DataRequest) -> list[Result]:
        """Every series of the answer, whole and ascending. Raises: Refused (ValidationError)."""
        now = int(self._clock.now().timestamp())
        span = Span(floor(request.start.timestamp()), ceil(request.end.timestamp()), now)
        around = Surroundings(now, self._account, self._region, request.offset)
        return data(request.queries, self._metrics, span, around, self._detectors.settings)


def _fingerprint(request: DataRequest) -> str:
    return pages.fingerprint((request.queries, request.start, request.end, request.descending, request.offset))


def _check(request: DataRequest) -> None:
    if not request.queries:
        raise Refused("ValidationError", "The collection MetricDataQueries must not be empty.")
    if len(request.queries) > MOST_QUERIES:
        raise Refused(
            "ValidationError",
            f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.",
        )
    if request.start == request.end:
        raise Refused("ValidationError", "The parameter StartTime must not equal parameter EndTime.")
    if request.start > request.end:
        raise Refused("ValidationError", "The parameter EndTime must be greater than StartTime.")
    if not 1 <= request.most <= pages.MOST_DATAPOINTS:
        raise Refused(
            "ValidationError",
            f"The value {request.most} for parameter MaxDatapoints is invalid: from 1 to {pages.MOST_DATAPOINTS}.",
        )
    check_labels(query.label for query in request.queries if query.label is not None)
