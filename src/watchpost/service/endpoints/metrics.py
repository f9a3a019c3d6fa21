"""The metrics of endpoints, published as long as the server runs.

Invocation metrics stand in AWS/SageMaker (`gateway_figures`), utilization in /aws/sagemaker/Endpoints, both by
EndpointName and VariantName, with enhanced metrics also by InstanceId. Of a server that runs elsewhere nothing is known
but its answers: it has no utilization.
"""

from collections.abc import Callable, Sequence
from threading import Event

import structlog

from watchpost.errors import ServerError
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.clock import Clock
from watchpost.service.endpoints.gateway_figures import Counted, Figures
from watchpost.service.endpoints.hosting import Hosting
from watchpost.service.endpoints.logs import EndpointLogs
from watchpost.service.endpoints.runner_processes import ProcessFleet
from watchpost.service.endpoints.runner_usage import Usage, UsageMeter

_log = structlog.get_logger(__name__)
NAMESPACE = "/aws/sagemaker/Endpoints"
_LOOK_SECONDS = 1.0

Put = Callable[[Sequence[Datum]], None]


class EndpointMetrics:
    """Publishes what the gateway counted and what runners use; writes what models print."""

    def __init__(
        self,
        clock: Clock,
        put: Put,
        figures: Figures,
        hosting: Hosting,
        meter: UsageMeter,
        logs: EndpointLogs,
        others: Callable[[float], list[Datum]],
    ) -> None:
        """`others`: what else there is to publish at an instant (epoch seconds)."""
        self._clock, self._put, self._figures, self._others = clock, put, figures, others
        self._hosting, self._meter, self._logs = hosting, meter, logs
        self._published: dict[Counted, int] = {}

    def run(self, stop: Event) -> None:
        """Publish at the end of each interval until `stop` is set, then what is left."""
        while not self._clock.wait(stop, _LOOK_SECONDS):
            self.step(self._clock.now().timestamp())
        self.step(self._clock.now().timestamp(), last=True)

    def step(self, second: float, *, last: bool = False) -> None:
        """Publish what is due (epoch seconds); `last`: all there is."""
        data = [*self._figures.due(second, all_of_them=last), *self._utilization(second), *self._others(second)]
        try:
            self._put(data)
        except ServerError as problem:
            _log.warning("the endpoints' metrics could not be stored", data=len(data), why=str(problem))
        self._logs.flush()

    def _utilization(self, second: float) -> list[Datum]:
        fleets: dict[ProcessFleet, Counted] = {}
        for hosted in self._hosting.all():
            for variant in hosted.variants.values():
                if isinstance(variant.fleet, ProcessFleet) and self._due(variant.counted, second):
                    fleets[variant.fleet] = variant.counted
        data = [
            datum
            for fleet, usages in self._meter.of(list(fleets)).items()
            for usage in usages
            for datum in _data(fleets[fleet], usage, second)
        ]
        for counted in fleets.values():
            self._published[counted] = int(second) // counted.publishing.seconds
        return data

    def _due(self, counted: Counted, second: float) -> bool:
        return self._published.get(counted) != int(second) // counted.publishing.seconds


def _data(counted: Counted, usage: Usage, second: float) -> list[Datum]:
    named = {"EndpointName": counted.endpoint, "VariantName": counted.variant}
    found = {
        "CPUUtilization": usage.cpu,
        "MemoryUtilization": usage.memory,
        "DiskUtilization": usage.disk,
        "GPUUtilization": usage.gpu,
        "GPUMemoryUtilization": usage.gpu_memory,
    }
    # What was used since the last look is of the interval that has ended.
    start = float((int(second) // counted.publishing.seconds - 1) * counted.publishing.seconds)
    resolution = 1 if counted.publishing.seconds < 60 else 60
    spaces = [named, {**named, "InstanceId": usage.instance}] if counted.publishing.enhanced else [named]
    return [
        Datum(Metric.of(NAMESPACE, name, space), start, (value,), (1.0,), unit="Percent", resolution=resolution)
        for name, value in found.items()
        if value is not None
        for space in spaces
    ]
