"""What a metric is called, what is reported of it, and how a question about it is put.

Source: CloudWatch's data model. A metric is its namespace, its name and the exact set of its dimensions; data of
different units are separate populations of one metric.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Dimensions = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """Namespace, name and dimensions; `dimensions` are (name, value) pairs sorted by name.

    So equal metrics compare equal.
    """

    namespace: str
    name: str
    dimensions: Dimensions = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> "Metric":
        """The metric with its dimensions in canonical order.

        >>> Metric.of("app", "latency", {"b": "2", "a": "1"}).dimensions
        (('a', '1'), ('b', '2'))
        """
        return cls(namespace, name, tuple(sorted((dimensions or {}).items())))


@dataclass(frozen=True, slots=True)
class Datum:
    """One reported datum.

    `timestamp` is epoch seconds (UTC). Exactly one of two forms is given: `values` with `counts` (how often each value
    was seen, same length, positive), or `statistics` as (sample count, sum, minimum, maximum). `resolution` is 1 or 60
    seconds.
    """

    metric: Metric
    timestamp: float
    values: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()
    statistics: tuple[float, float, float, float] | None = None
    unit: str = "None"
    resolution: int = 60


@dataclass(frozen=True, slots=True)
class MetricStat:
    """A question to the store: one statistic of one metric by periods.

    `period` in seconds (1, 5, 10, 20, 30 or a multiple of 60); `stat` in CloudWatch's grammar (`Average`, `p99`,
    `TM(10%:90%)`, …); `unit` None asks for whatever unit was reported.
    """

    metric: Metric
    period: int
    stat: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """A time series: `timestamps` int64 epoch seconds, ascending, starts of periods; `values` float64, same length.

    Finite.
    """

    timestamps: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.timestamps)
