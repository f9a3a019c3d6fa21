"""GetMetricData with 100 queries over a day: a request beside moto, and ten over a thousand series."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.measure import Contender, Table, race
from benchmarks.served import client, moto_server, recorded, send, watchpost_server

REACH = "Watchpost at most 0.030 s"
QUERIES = 100


def day(environment: dict[str, str], shape: str) -> Callable[[], object]:
    """Put a day of some series, then ask for 100 of them at a time, one request after another."""
    series, points = (int(number) for number in shape.split("x"))
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
                for i in range(series)
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

    requests = recorded(cloudwatch, lambda: [get(first) for first in range(0, series, QUERIES)])
    return lambda: send(environment, requests, connections=1)


def ours(shape: str) -> Callable[[], object]:
    """From the store on disk."""
    return day(watchpost_server(), shape)


def moto(shape: str) -> Callable[[], object]:
    """From memory."""
    return day(moto_server(), shape)


CONTENDERS: dict[str, Contender] = {"moto's server (in memory)": moto, "Watchpost": ours}


def plan(scale: float) -> list[Table]:
    """Beside moto with few points, for it looks through all of them for every query; and alone at real size."""
    minutes = int(1440 * scale)
    title = "GetMetricData, {} of 100 queries over a day of {} series, {} points each"
    return [
        race(title.format("a request", 100, 12), "get_metric_data", list(CONTENDERS), "100x12", rounds=5, reach=REACH),
        race(
            title.format("ten requests", 1000, minutes),
            "get_metric_data",
            ["Watchpost"],
            f"1000x{minutes}",
            rounds=5,
            reach="at most 0.30 s for the ten",
        ),
    ]
