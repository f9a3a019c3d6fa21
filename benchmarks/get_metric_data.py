"""GetMetricData: 100 queries over a day of 1000 series, one request after another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.measure import Contender, Table, race
from benchmarks.served import client, moto_server, recorded, send, watchpost_server

REACH = "Watchpost at most 0.030 s a request; the slowest of ten, which here stands for the 99th percentile"
SERIES = 1000
QUERIES = 100


def day(environment: dict[str, str], points: int) -> Callable[[], object]:
    """Put a day of 1000 series, then ask for 100 of them at a time, ten requests in a row."""
    cloudwatch, now = client(environment, "cloudwatch"), datetime.now(UTC)  # noqa: TID251  requests are signed for now
    start = now.replace(second=0, microsecond=0) - timedelta(days=1)
    step = timedelta(days=1) / points

    def put(number: int) -> None:
        cloudwatch.put_metric_data(
            Namespace="Bench",
            MetricData=[
                {
                    "MetricName": "latency",
                    "Dimensions": [{"Name": "EndpointName", "Value": f"endpoint-{i}"}],
                    "Timestamp": start + number * step,
                    "Value": float(number + i),
                }
                for i in range(SERIES)
            ],
        )

    send(environment, recorded(cloudwatch, lambda: [put(number) for number in range(points)]))

    def get(first: int) -> None:
        cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": f"q{i}",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "Bench",
                            "MetricName": "latency",
                            "Dimensions": [{"Name": "EndpointName", "Value": f"endpoint-{first + i}"}],
                        },
                        "Period": 300,
                        "Stat": "Average",
                    },
                }
                for i in range(QUERIES)
            ],
            StartTime=start,
            EndTime=now,
        )

    requests = recorded(cloudwatch, lambda: [get(first) for first in range(0, SERIES, QUERIES)])
    return lambda: send(environment, requests, connections=1)


def ours(points: str) -> Callable[[], object]:
    """From the store on disk."""
    return day(watchpost_server(), int(points))


def moto(points: str) -> Callable[[], object]:
    """From memory."""
    return day(moto_server(), int(points))


CONTENDERS: dict[str, Contender] = {"moto's server (in memory)": moto, "Watchpost": ours}


def plan(scale: float) -> list[Table]:
    """A datum every five minutes."""
    points = max(int(288 * scale), 12)
    title = f"Ten GetMetricData requests of {QUERIES} queries over a day, {points} points of each of {SERIES} series"
    return [race(title, "get_metric_data", list(CONTENDERS), str(points), rounds=5, reach=REACH)]
