"""One cycle of evaluation of ten thousand threshold alarms, each on a series of its own.

In the process that keeps the newest data in memory, and in one that was just started and has everything in SQLite.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.measure import Contender, Row, Table, race
from benchmarks.rules_of_prometheus import seconds_of_a_cycle
from watchpost.alarms.evaluation import evaluate
from watchpost.service.alarms import Alarms
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.metrics import Metrics
from watchpost.stores.open import open_store
from watchpost.stores.store import Store

REACH = "from memory at most 0.005 s, after a restart at most 0.100 s"
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
# So many cycles' worth of data lies ready before the clock runs: one to warm up, and one a round.
PERIODS, PERIOD_SECONDS, LIMIT = 30, 10, 100.0
"""A cycle looks at the newest six periods: three that count, and three more should some of those be missing."""
