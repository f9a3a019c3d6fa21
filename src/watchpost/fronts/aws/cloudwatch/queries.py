"""GetMetricData and the anomaly detectors of CloudWatch, as operations."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.metrics.anomaly import BandSettings
from watchpost.metrics.identity import Metric, MetricStat
from watchpost.metrics.labels import parse_offset
from watchpost.metrics.pages import MOST_DATAPOINTS, Part, Place, fingerprint, read_token, write_token
from watchpost.metrics.plan import Query
from watchpost.service.metrics.anomaly_detectors import MOST_EXCLUDED, Described, Detector
from watchpost.service.metrics.queries import DataRequest

if TYPE_CHECKING:
    from watchpost.service.server import Server

# A model of one's own says Any where a parsed request is meant: its members' types are the service model's.
Members = Mapping[str, Any]

_DETECTORS_OF_A_PAGE = 100


def get_metric_data(server: "Server", call: Call) -> Members:
    """GetMetricData."""
    given = call.input
    request = DataRequest(
        queries=tuple(query(each, call.account) for each in given["MetricDataQueries"]),
        start=given["StartTime"],
        end=given["EndTime"],
        descending=given.get("ScanBy", "TimestampDescending") == "TimestampDescending",
        most=given.get("MaxDatapoints", MOST_DATAPOINTS),
        token=given.get("NextToken"),
        offset=parse_offset((given.get("LabelOptions") or {}).get("Timezone") or "+0000"),
    )
    page = server.metric_queries.page(request)
    answer = {"MetricDataResults": [_result(part) for part in page.parts], "Messages": []}
    return answer if page.token is None else {**answer, "NextToken": page.token}


def query(given: Members, account: str) -> Query:
    """A MetricDataQuery as metric math takes it. Raises: Refused: it is for another account."""
    if given.get("AccountId") not in {None, account}:
        raise Refused(
            "ValidationError",
            f"AccountId {given['AccountId']} is not this server's: metrics of other accounts are not here.",
        )
    stat = given.get("MetricStat")
    return Query(
        given["Id"],
        None if stat is None else MetricStat(metric(stat["Metric"]), stat["Period"], stat["Stat"], stat.get("Unit")),
        given.get("Expression"),
        given.get("Label"),
        returned=given.get("ReturnData") is not False,
        period=given.get("Period"),
    )


def metric(given: Members) -> Metric:
    """A Metric, or the members of one in a request. Raises: Refused: name or namespace are missing."""
    for name in ("Namespace", "MetricName"):
        if not given.get(name):
            raise Refused("MissingRequiredParameterException", f"The parameter {name} is required.")
    return Metric.of(given["Namespace"], given["MetricName"], _dimensions(given))


def _result(part: Part) -> Members:
    answer: dict[str, Any] = {
        "Id": part.result.id,
        "Label": part.result.label,
        "Timestamps": part.timestamps.tolist(),
        "Values": part.values.tolist(),
        "StatusCode": "Complete" if part.whole else "PartialData",
    }
    if part.result.messages:
        answer["Messages"] = [{"Code": code, "Value": text} for code, text in part.result.messages]
    return answer


def put_anomaly_detector(server: "Server", call: Call) -> Members:
    """PutAnomalyDetector."""
    detector = _detector(call.input, call.account, _settings(call.input))
    return {"AnomalyDetectorId": server.anomaly_detectors.put(detector, call.access_key or "anonymous")}


def describe_anomaly_detectors(server: "Server", call: Call) -> Members:
    """DescribeAnomalyDetectors."""
    given = call.input
    wanted = _filter(given)
    limit = given.get("MaxResults") or _DETECTORS_OF_A_PAGE
    if limit > _DETECTORS_OF_A_PAGE:
        raise Refused(
            "InvalidParameterValueException",
            f"The value {limit} for parameter MaxResults is invalid: at most {_DETECTORS_OF_A_PAGE}.",
        )
    asked = fingerprint(sorted((name, repr(value)) for name, value in given.items() if name != "NextToken"))
    start = read_token(given["NextToken"], asked).result if given.get("NextToken") else 0
    found = [(name, each) for name, each in server.anomaly_detectors.all() if wanted(name, each)]
    page = server.anomaly_detectors.described(found[start : start + limit])
    answer: dict[str, Any] = {"AnomalyDetectors": [_described(each) for each in page]}
    if start + limit < len(found):
        answer["NextToken"] = write_token(Place(start + limit), asked)
    return answer


def delete_anomaly_detector(server: "Server", call: Call) -> Members:
    """DeleteAnomalyDetector."""
    actor = call.access_key or "anonymous"
    detectors = server.anomaly_detectors
    if call.input.get("AnomalyDetectorId"):
        detectors.delete(detectors.subject_named(call.input["AnomalyDetectorId"]), actor)
    else:
        detectors.delete(_detector(call.input, call.account, BandSettings()).subject, actor)
    return {}


_SINGLE = ("Namespace", "MetricName", "Dimensions", "Stat")


def _detector(given: Members, account: str, settings: BandSettings) -> Detector:
    """The detector that the members name in one of three ways. Raises: Refused: none or several of them."""
    single, math = given.get("SingleMetricAnomalyDetector"), given.get("MetricMathAnomalyDetector")
    plain = any(given.get(name) for name in _SINGLE)
    if (single is not None) + (math is not None) + plain > 1:
        raise Refused(
            "InvalidParameterCombinationException",
            "Give SingleMetricAnomalyDetector, MetricMathAnomalyDetector, or Namespace, MetricName, Dimensions and "
            "Stat: only one of the three.",
        )
    if math is not None:
        queries = tuple(query(each, account) for each in math.get("MetricDataQueries") or ())
        if not queries:
            raise Refused("MissingRequiredParameterException", "The parameter MetricDataQueries is required.")
        return Detector(None, queries, settings)
    members = given if single is None else single
    if not members.get("Stat"):
        raise Refused("MissingRequiredParameterException", "The parameter Stat is required.")
    return Detector(MetricStat(metric(members), 300, members["Stat"]), (), settings)


def _settings(given: Members) -> BandSettings:
    configuration = given.get("Configuration") or {}
    excluded = configuration.get("ExcludedTimeRanges") or ()
    if len(excluded) > MOST_EXCLUDED:
        raise Refused(
            "InvalidParameterValueException",
            f"{len(excluded)} ExcludedTimeRanges were given; at most {MOST_EXCLUDED} are allowed.",
        )
    for each in excluded:
        if each["StartTime"] >= each["EndTime"]:
            raise Refused("InvalidParameterValueException", "An excluded time range must start before it ends.")
    zone = configuration.get("MetricTimezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise Refused("InvalidParameterValueException", f"There is no time zone {zone!r}.") from problem
    if configuration.get("OutlierFilteringStrength") not in {None, "MODERATE"}:
        raise Refused(
            "InvalidParameterValueException",
            "OutlierFilteringStrength is not supported: the model uses medians, and the width of its band must see "
            "outliers to cover what it says. Leave it out, or exclude time ranges.",
        )
    return BandSettings(
        zone,
        tuple((int(each["StartTime"].timestamp()), int(each["EndTime"].timestamp())) for each in excluded),
        spikes=bool((given.get("MetricCharacteristics") or {}).get("PeriodicSpikes")),
        adaptation=configuration.get("AdaptationSpeed") or "NORMAL",
    )


def _filter(given: Members) -> Any:  # a predicate of (id, Detector)
    ids = given.get("AnomalyDetectorIds")
    narrowing = [name for name in ("Namespace", "MetricName", "Dimensions", "AnomalyDetectorTypes") if given.get(name)]
    if ids and narrowing:
        raise Refused(
            "InvalidParameterCombinationException", f"AnomalyDetectorIds cannot be combined with {narrowing[0]}."
        )
    types = given.get("AnomalyDetectorTypes") or ["SINGLE_METRIC"]
    dimensions = set(_dimensions(given).items())

    def wanted(name: str, detector: Detector) -> bool:
        if ids:
            return name in ids
        if ("SINGLE_METRIC" if detector.stat is not None else "METRIC_MATH") not in types:
            return False
        return any(
            given.get("Namespace") in {None, metric.namespace}
            and given.get("MetricName") in {None, metric.name}
            and dimensions <= set(metric.dimensions)
            for metric in _metrics(detector)
        )

    return wanted


def _metrics(detector: Detector) -> Iterable[Metric]:
    if detector.stat is not None:
        return [detector.stat.metric]
    return [query.stat.metric for query in detector.queries if query.stat is not None]


def _described(described: Described) -> Members:
    detector, settings = described.detector, described.detector.settings
    answer: dict[str, Any] = {
        "AnomalyDetectorId": described.id,
        "StateValue": described.state,
        "Configuration": {
            "ExcludedTimeRanges": [
                {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.fromtimestamp(end, UTC)}
                for start, end in settings.excluded
            ],
            "MetricTimezone": settings.timezone,
        },
    }
    if settings.spikes:
        answer["MetricCharacteristics"] = {"PeriodicSpikes": True}
    if settings.adaptation != "NORMAL":
        answer["Configuration"]["AdaptationSpeed"] = settings.adaptation
    if detector.stat is None:
        return {
            **answer,
            "MetricMathAnomalyDetector": {"MetricDataQueries": [_told(each) for each in detector.queries]},
        }
    single = {**metric_members(detector.stat.metric), "Stat": detector.stat.stat}
    return {**answer, **single, "SingleMetricAnomalyDetector": single}


def _told(query: Query) -> Members:
    members: dict[str, Any] = {"Id": query.id, "ReturnData": query.returned}
    if query.stat is not None:
        stat = {"Metric": metric_members(query.stat.metric), "Period": query.stat.period, "Stat": query.stat.stat}
        members["MetricStat"] = stat if query.stat.unit is None else {**stat, "Unit": query.stat.unit}
    optional = {"Expression": query.expression, "Label": query.label, "Period": query.period}
    return {**members, **{name: value for name, value in optional.items() if value is not None}}


def metric_members(metric: Metric) -> dict[str, Any]:
    """A metric as answers name it."""
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _dimensions(given: Members) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in given.get("Dimensions") or ()}


OPERATIONS: Mapping[str, Operation] = {
    "GetMetricData": get_metric_data,
    "PutAnomalyDetector": put_anomaly_detector,
    "DescribeAnomalyDetectors": describe_anomaly_detectors,
    "DeleteAnomalyDetector": delete_anomaly_detector,
}

PARTIAL: Mapping[str, str] = {
    "GetMetricData": "The functions INSIGHT_RULE_METRIC, LAMBDA, SERVICE_QUOTA and DB_PERF_INSIGHTS are refused, and "
    "so are metrics of other accounts and resource tags in Metrics Insights queries.",
    "PutAnomalyDetector": "OutlierFilteringStrength other than MODERATE is refused.",
}
