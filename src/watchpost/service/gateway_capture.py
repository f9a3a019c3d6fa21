"""Capture of what passes through the gateway, by the writer that applications use too."""

from watchpost.service.clock import Clock
from watchpost.service.endpoint_documents import Capture
from watchpost.service.endpoint_metrics import Put
from watchpost.service.gateway_routes import Captures, not_captured
from watchpost.stores.objects.objects import Objects


class CaptureWriters:
    """The writers of all variants that capture."""

    def __init__(self, objects: Objects, clock: Clock, put: Put) -> None:
        self._objects, self._clock, self._put = objects, clock, put

    def of(self, endpoint: str, variant: str, capture: Capture | None) -> Captures:
        """What takes the traffic of a variant."""
        del endpoint, variant, capture
        return not_captured

    def close(self) -> None:
        """Write all that was taken."""
