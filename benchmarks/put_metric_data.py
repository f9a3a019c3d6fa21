"""Data points per second through the wire: signed, compressed PutMetricData requests of 1000 data.

As boto3 sends them.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.measure import Contender, Table, race
from benchmarks.served import client, moto_server, recorded, send, watchpost_server

REACH = "Watchpost at least 100,000 data points per second, durable"
PER_REQUEST = 1000


def load(environment: dict[str, str], data: int) -> Callable[[], object]:
    """`data` points of 1000 series, in requests of 1000, over four connections."""
    cloudwatch, now = client(environment, "cloudwatch"), datetime.now(UTC)  # noqa: TID251  requests are signed for now

    def put(number: int) -> None:
        cloudwatch.put_metric_data(
            Namespace="Bench",
            MetricData=[
                {
                    "MetricName": "latency",
                    "Dimensions": [{"Name": "EndpointName", "Value": f"endpoint-{i}"}],
                    "Timestamp": now,
                    "Value": 0.25 * (number + i),
                    "Unit": "Milliseconds",
                }
                for i in range(PER_REQUEST)
            ],
        )

    requests = recorded(cloudwatch, lambda: [put(number) for number in range(data // PER_REQUEST)])
    return lambda: send(environment, requests)


def ours(data: str) -> Callable[[], object]:
    """Durable: answered once the data is on disk. Signatures are verified."""
    return load(watchpost_server(), int(data))


def moto(data: str) -> Callable[[], object]:
    """In memory only, signatures not verified."""
    return load(moto_server(), int(data))


CONTENDERS: dict[str, Contender] = {"moto's server (in memory)": moto, "Watchpost (durable)": ours}


def plan(scale: float) -> list[Table]:
    """100,000 data points."""
    data = int(100_000 * scale)
    title = f"{data:,} data points by PutMetricData, {PER_REQUEST} a request, four connections"
    return [race(title, "put_metric_data", list(CONTENDERS), str(data), rounds=5, reach=REACH)]
