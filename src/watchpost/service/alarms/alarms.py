"""Alarms as the server has them: what can be done with them, and the loop that evaluates them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

from watchpost.alarms.requests import Place
from watchpost.metrics.frame import Fetch, Settings, default_settings
from watchpost.metrics.plan import Query
from watchpost.service.alarms.actions import Actions, Publisher
from watchpost.service.alarms.changes import AlarmChanges, EnsureDetectors
from watchpost.service.alarms.compositions import Dependants
from watchpost.service.alarms.evaluation import Evaluation
from watchpost.service.alarms.evaluator import AlarmEvaluator
from watchpost.service.alarms.mutes import AlarmMutes
from watchpost.service.alarms.overview import AlarmOverview
from watchpost.service.alarms.prefetch import Prefetch
from watchpost.service.alarms.reading import AlarmReading
from watchpost.service.alarms.roster import RosterKeeper
from watchpost.service.alarms.tags import AlarmTags
from watchpost.service.alarms.transitions import EventSink, Transitions
from watchpost.service.clock import Clock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics.metrics import Metrics
from watchpost.stores.store import Store, Transaction


def _untold(_seconds: float, _late: float) -> None:
    """Nobody asks how long evaluation takes."""


def _undetected(_tx: Transaction, _queries: Sequence[Query], _band: str, _actor: str) -> None:
    """Nobody keeps anomaly detectors: bands are learned the default way."""


class Alarms:
    """The alarms of a server.

    `changes` creates, changes and deletes them; `mutes` and `tags` what hangs on them; `reading` answers questions;
    `overview` tells how all of them stand; `evaluator` looks at their data.

    Args: holder: this server's name, the same after a restart. settings: of anomaly detection bands. detectors: makes
    those of an alarm's band. evaluated: told after each evaluation how many seconds it took and how many it began late.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        topics: Publisher,
        events: EventSink,
        configuration: Configuration,
        new_id: Callable[[], str],
        *,
        holder: str = "server",
        settings: Settings = default_settings,
        detectors: EnsureDetectors = _undetected,
        evaluated: Callable[[float, float], None] = _untold,
    ) -> None:
        place, dependants = Place(configuration.region, configuration.account), Dependants(store)
        actions = Actions(topics, configuration.base_url)
        transitions = Transitions(actions, events, dependants, new_id)
        fetch: Fetch = metrics
        evaluation = Evaluation(metrics, settings, lambda: Prefetch(fetch))
        roster = RosterKeeper(store, metrics)
        self.changes = AlarmChanges(store, clock, transitions, dependants, events, place, new_id, detectors)
        self.mutes = AlarmMutes(store, clock, actions, dependants, place)
        self.tags = AlarmTags(store, clock)
        self.reading = AlarmReading(store, dependants)
        self.overview = AlarmOverview(store, dependants)
        self.evaluator = AlarmEvaluator(store, clock, transitions, evaluation, roster, dependants, holder, evaluated)

    def tick(self, now: datetime) -> int:
        """Evaluate what is due by `now`; how many alarms changed their state."""
        return self.evaluator.tick(now)

    def resume(self, now: datetime) -> int:
        """Take up the evaluation after a stop that ends now; how many alarms changed their state."""
        return self.evaluator.resume(now)

    def run(self, stop: Event) -> None:
        """Evaluate on time until `stop` is set."""
        self.evaluator.run(stop)
