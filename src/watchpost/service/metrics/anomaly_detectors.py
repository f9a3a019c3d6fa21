"""Anomaly detectors: what people said about how a metric's band is to be learned.

There is no training run: a band is computed from the stored history whenever it is asked for, so a detector is
settings and nothing else, and every metric has a band without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

import numpy as np

from watchpost.documents import Kind
from watchpost.errors import Refused
from watchpost.metrics.anomaly import HISTORY, BandSettings, anomaly_band
from watchpost.metrics.expressions.syntax import Name, text
from watchpost.metrics.expressions.values import Grid, from_points
from watchpost.metrics.identity import MetricStat
from watchpost.metrics.plan import Query, plan, subject_of
from watchpost.metrics.query import Fetch, series
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.stores.store import Entry, Store, Transaction

State = Literal["PENDING_TRAINING", "TRAINED_INSUFFICIENT_DATA", "TRAINED"]

MOST_EXCLUDED = 10
_PERIOD = 300  # seconds: where a detector of a single metric names no period, its state is told at this one
_DEFAULTS = BandSettings()


@dataclass(frozen=True, slots=True)
class Detector:
    """An anomaly detector: of one metric's statistic (`stat`, whose period means nothing), or of metric math.

    `queries` is empty for a single metric. `settings` is how the band is learned.
    """

    stat: MetricStat | None
    queries: tuple[Query, ...]
    settings: BandSettings

    @property
    def subject(self) -> str:
        """What it is the detector of, as a fingerprint. Raises: Refused: its queries do not fit together."""
        if self.stat is not None:
            return subject_of(self.stat)
        [watched] = [query.id for query in self.queries if query.returned]
        return plan(self.queries).subject(Name(watched))


DETECTOR = Kind("anomaly-detector", Detector)


@dataclass(frozen=True, slots=True)
class Described:
    """A detector, its id, and whether there is enough history for a band."""

    id: str
    detector: Detector
    state: State


class AnomalyDetectors:
    """Keeps anomaly detectors; `settings` is what bands are computed with."""

    def __init__(self, store: Store, metrics: Fetch, clock: Clock, configuration: Configuration) -> None:
        self._store, self._metrics, self._clock = store, metrics, clock
        self._region, self._account = configuration.region, configuration.account
        self._lock = Lock()
        self._known: tuple[int, dict[str, BandSettings]] = (-1, {})

    def settings(self, subject: str) -> BandSettings:
        """How the band of a subject is learned; the default way if it has no detector."""
        revision = self._store.read(lambda tx: tx.revision(DETECTOR))
        with self._lock:
            if self._known[0] != revision:
                self._known = self._store.read(_all_settings)
            return self._known[1].get(subject, _DEFAULTS)

    def put(self, detector: Detector, actor: str) -> str:
        """Make the detector, or replace the settings of the one with the same subject; its id.

        Raises: Refused (InvalidParameterValueException): the metric math cannot have a band.
        """
        if detector.queries:
            _check_math(detector.queries)
        key, now = detector.subject, self._clock.now()

        def work(tx: Transaction) -> None:
            tx.put(DETECTOR, key, detector)
            tx.record(Entry(now, "anomaly-detector.put", self._arn(key), actor, _told(detector)))

        self._store.write(work)
        return _id(key)

    def ensure(self, tx: Transaction, queries: Sequence[Query], band: str, actor: str) -> None:
        """Make a detector for a band of an alarm's queries, in the transaction of the caller, unless there is one.

        Args: band: the id of the band, an alarm's ThresholdMetricId; nothing happens if it is none.
        """
        for detector in _detectors(queries, band):
            key = detector.subject
            if tx.get(DETECTOR, key) is None:
                tx.put(DETECTOR, key, detector)
                tx.record(Entry(self._clock.now(), "anomaly-detector.put", self._arn(key), actor, _told(detector)))

    def delete(self, subject: str, actor: str) -> None:
        """Forget the detector of a subject; its band is then learned the default way.

        Raises: Refused (ResourceNotFoundException).
        """
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            if not tx.delete(DETECTOR, subject):
                raise Refused(
                    "ResourceNotFoundException",
                    "The anomaly detector does not exist.",
                    {"ResourceType": "AnomalyDetector", "ResourceId": _id(subject)},
                )
            tx.record(Entry(now, "anomaly-detector.deleted", self._arn(subject), actor, {}))

        self._store.write(work)

    def subject_named(self, id: str) -> str:
        """The subject of the detector with this id. Raises: Refused (ResourceNotFoundException)."""
        keys = [key for key, _ in self._store.read(lambda tx: tx.scan(DETECTOR)) if _id(key) == id]
        if not keys:
            raise Refused(
                "ResourceNotFoundException",
                f"There is no anomaly detector with the id {id}.",
                {"ResourceType": "AnomalyDetector", "ResourceId": id},
            )
        return keys[0]

    def all(self) -> list[tuple[str, Detector]]:
        """(id, detector), in the order of their ids."""
        return [(_id(key), detector) for key, detector in self._store.read(lambda tx: tx.scan(DETECTOR))]

    def described(self, detectors: Sequence[tuple[str, Detector]]) -> list[Described]:
        """The detectors with the state of their history."""
        return [Described(name, detector, self._state(detector)) for name, detector in detectors]

    def _state(self, detector: Detector) -> State:
        now = int(self._clock.now().timestamp())
        queries = detector.queries or (_only(detector),)
        period = max((query.stat.period for query in queries if query.stat is not None), default=_PERIOD)
        grid = Grid.over(now - HISTORY, now + period, period)
        history = from_points(series(queries, self._metrics, grid.start, grid.end), grid).values
        if np.isnan(history).all():
            return "PENDING_TRAINING"
        last = anomaly_band(history, grid.start, period, detector.settings, 2.0, last=1)
        return "TRAINED_INSUFFICIENT_DATA" if np.isnan(last.lower).all() else "TRAINED"

    def _arn(self, key: str) -> str:
        return f"arn:aws:cloudwatch:{self._region}:{self._account}:anomaly-detector:{_id(key)}"


def _detectors(queries: Sequence[Query], band: str) -> list[Detector]:
    """What the bands of a query are taken of, each as a detector with nothing said about it."""
    planned = plan(queries)
    made: list[Detector] = []
    for node in planned.read[band].banded if band in planned.read else ():
        metric = planned.queries[node.name].stat if isinstance(node, Name) else None
        if metric is not None:
            made.append(Detector(metric, (), _DEFAULTS))
            continue
        below = planned.needed(planned.mentioned(node))
        kept = tuple(replace(planned.queries[each], returned=False) for each in below)
        watched = Query(f"band_{len(below)}", expression=text(node))
        made.append(Detector(None, (*kept, watched), _DEFAULTS))
    return made


def _only(detector: Detector) -> Query:
    assert detector.stat is not None
    return Query("m", MetricStat(detector.stat.metric, _PERIOD, detector.stat.stat, detector.stat.unit))


def _check_math(queries: tuple[Query, ...]) -> None:
    returned = [query for query in queries if query.returned]
    if len(returned) != 1:
        raise Refused(
            "InvalidParameterValueException",
            f"{len(returned)} of the MetricDataQueries return data; exactly one must, the series to learn.",
        )
    try:
        plan(queries).check_band(Name(returned[0].id))
    except Refused as problem:
        raise Refused("InvalidParameterValueException", problem.message) from problem


def _all_settings(tx: Transaction) -> tuple[int, dict[str, BandSettings]]:
    return tx.revision(DETECTOR), {key: detector.settings for key, detector in tx.scan(DETECTOR)}


def _told(detector: Detector) -> dict[str, object]:
    """What the journal says of a detector."""
    if detector.stat is None:
        return {"expressions": [query.expression for query in detector.queries if query.expression]}
    metric = detector.stat.metric
    return {"namespace": metric.namespace, "metric": metric.name, "statistic": detector.stat.stat}


def _id(key: str) -> str:
    return key[:32]
