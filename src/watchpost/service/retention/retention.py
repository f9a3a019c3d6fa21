"""What ages out, once an hour: objects by their rules, reports and executions by age; nothing that is still needed.

Files of this machine only: objects in a store elsewhere have that store's own lifecycle rules.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Event as Stop
from threading import Lock

import structlog

from watchpost.errors import Misconfigured, Refused
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.documents import ENDPOINT, ENDPOINT_CONFIG
from watchpost.service.endpoints.serving import SERVING
from watchpost.service.monitoring.documents import SCHEDULE
from watchpost.service.monitoring.executions_request import CAPTURE_PREFIX
from watchpost.service.monitoring.schedules import resolved
from watchpost.service.retention.executions import OldExecutions
from watchpost.service.retention.holds import capture_folder, current_holds, with_manifests
from watchpost.service.retention.object_expiration import BucketLifecycles, is_remote
from watchpost.service.retention.objects import BATCH, Expiring, ExpiringObjects, Swept
from watchpost.service.retention.settings import SETTINGS, RetentionSettings
from watchpost.stores.objects.objects import Objects, bucket_and_key
from watchpost.stores.store import Store, Transaction

EVERY_SECONDS = 3600.0
"""How often the server looks for what is old."""

_log = structlog.get_logger(__name__)


class Retention:
    """The upkeep of one server's objects and executions.

    Args: server: its name, see `ExpiringObjects`. batch: objects between two notes in the journal.
    Raises: Misconfigured: captures or reports are to be deleted, but lie in a store elsewhere.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        configuration: Configuration,
        objects: Objects,
        settings: RetentionSettings,
        server: str,
        batch: int = BATCH,
    ) -> None:
        self._store, self._clock, self._configuration = store, clock, configuration
        self._objects, self._settings = objects, settings
        self._remote = is_remote(objects)
        if self._remote and (settings.captures.keep_days or settings.reports.keep_days):
            told = "no keep_days for captures and reports, as objects are kept elsewhere: give lifecycle rules there"
            raise Misconfigured("The file", str(configuration.home / SETTINGS), told)
        self._lifecycles = BucketLifecycles(store, objects)
        self._expiring = ExpiringObjects(store, objects, server, batch)
        self._executions = OldExecutions(store, objects, self._expiring)
        self._lock, self._total, self._last = Lock(), Swept(), Swept()

    def run(self, stop: Stop) -> None:
        """Look at the start and then once an hour, until `stop` is set."""
        while not stop.is_set():
            self.step(self._clock.now(), stop.is_set)
            self._clock.wait(stop, EVERY_SECONDS)

    def step(self, now: datetime, stopped: Callable[[], bool] = lambda: False) -> Swept:
        """Delete what is old and not needed; what that was. Stops between two objects when told to."""
        swept = Swept()
        if not self._remote:
            self._expiring.recover(now)
            swept = self._sweep(now, stopped)
            self._warn_of_space()
        days, captures = self._settings.execution_days, self._settings.captures.keep_days or 0
        forgotten = self._executions.forget(days, max(days, captures), now, stopped)
        if swept.objects or forgotten:
            _log.info("retention.expired", objects=swept.objects, bytes=swept.bytes, executions=forgotten)
        with self._lock:
            self._total, self._last = self._total + swept, swept
        return swept

    def figures(self) -> dict[str, float]:
        """For `/metrics`: what expired since the start, and what the last look found expired but still needed."""
        with self._lock:
            total, last = self._total, self._last
        return {
            "expired_objects": total.objects,
            "expired_bytes": total.bytes,
            "held_objects": last.held,
            "held_bytes": last.held_bytes,
        }

    def disk(self) -> dict[str, float]:
        """For `/metrics`: bytes of the disk that the objects lie on, free and in all; nothing for a store elsewhere."""
        place = self._objects.local_path("s3://any-bucket/")
        if place is None:
            return {}
        usage = shutil.disk_usage(place.parent)
        return {"free": usage.free, "total": usage.total}

    def _sweep(self, now: datetime, stopped: Callable[[], bool]) -> Swept:
        rules, days = self._rules(), self._settings.reports.keep_days
        if not rules and days is None:
            return Swept()
        holds, batches = self._store.read(lambda tx: current_holds(tx, self._configuration, now))
        holds = with_manifests(holds, batches, self._objects)
        swept = Swept()
        for rule in rules:
            try:
                swept += self._expiring.sweep(rule, holds, now, stopped)
            except Refused as refused:
                # A disk that does not answer now may at the next look; the other rules need not wait for it.
                _log.warning("retention.failed", bucket=rule.bucket, prefix=rule.prefix, why=refused.message)
        if days is not None:
            swept += self._executions.delete_reports(days, holds, now, stopped)
        return swept

    def _rules(self) -> list[Expiring]:
        """The rules of buckets, and one for each place that endpoints capture to."""
        found = [
            Expiring(f"lifecycle rule {rule.id}", bucket, rule.prefix, rule.days)
            for bucket, rules in self._lifecycles.all().items()
            for rule in rules
            if rule.enabled
        ]
        days = self._settings.captures.keep_days
        if days is not None:
            places = self._store.read(lambda tx: sorted(set(_capture_folders(tx, self._configuration))))
            for place in places:
                bucket, key = bucket_and_key(place)
                found.append(Expiring(f"captures.keep_days={days}", bucket, f"{key}/", days, captures=True))
        return found

    def _warn_of_space(self) -> None:
        disk = self.disk()
        percent = 100 * disk["free"] / disk["total"] if disk.get("total") else 100.0
        if percent < self._settings.disk.warn_percent_free:
            _log.warning("retention.disk", percent_free=round(percent, 1), free_bytes=disk["free"])


def _capture_folders(tx: Transaction, configuration: Configuration) -> Iterator[str]:
    """The folders of all endpoints whose captures the server knows of, those of endpoints that are gone too."""
    for _, line in tx.scan(SERVING):
        if line.capture is not None:
            yield capture_folder(line.capture, line.endpoint)
    configs = {name: config.capture.destination for name, config in tx.scan(ENDPOINT_CONFIG) if config.capture}
    for _, endpoint in tx.scan(ENDPOINT):
        if endpoint.config in configs:
            yield capture_folder(configs[endpoint.config], endpoint.name)
    for _, schedule in tx.scan(SCHEDULE):
        try:
            _, _, job = resolved(tx, schedule.config, configuration)
        except Refused:
            continue
        place = job.environment.get(CAPTURE_PREFIX)
        if place is not None and job.source.endpoint_name is not None:
            yield capture_folder(place, job.source.endpoint_name)
