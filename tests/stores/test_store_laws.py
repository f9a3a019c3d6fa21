"""Whatever is done to a store, it answers as plain dictionaries would; and a restart changes nothing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from watchpost.documents import Kind
from watchpost.stores.open import open_store
from watchpost.stores.sql.chain import verify
from watchpost.stores.store import Entry, Task, Transaction

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
KINDS = tuple(Kind(name, int) for name in ("alarm", "topic"))
KEYS = ("a", "ab", "b", "é")
QUEUES, WORKERS = ("mail", "targets"), ("one", "two")


class TakenBackError(Exception):
    """Raised by a work to undo itself."""


@dataclass
class Model:
    """A store made of dictionaries."""

    documents: dict[tuple[str, str], int] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    waiting: dict[int, Task] = field(default_factory=dict)
    held: dict[int, tuple[str, Task]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


changes = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(KEYS), st.none() | st.integers(0, 9)), max_size=4)
minutes = st.integers(0, 5).map(lambda n: NOON + timedelta(minutes=n))


class StoreAsDictionaries(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory(prefix="watchpost-laws-")
        self.path = Path(self.folder.name) / "db"
        self.store = open_store(self.path)
        self.model = Model()

    @rule(changes=changes, line=st.none() | st.sampled_from("xyz"), taken_back=st.booleans())
    def write(self, changes: list[tuple[Kind[int], str, int | None]], line: str | None, taken_back: bool) -> None:
        def work(tx: Transaction) -> None:
            for kind, key, value in changes:
                if value is None:
                    tx.delete(kind, key)
                else:
                    tx.put(kind, key, value)
            if line is not None:
                tx.record(Entry(NOON, "change", line, "test", {}))
            if taken_back:
                raise TakenBackError

        try:
            self.store.write(work)
        except TakenBackError:
            return
        for kind, key, value in changes:
            there = self.model.documents.pop((kind.name, key), None)
            if value is not None:
                self.model.documents[kind.name, key] = value
            self.model.revisions[kind.name] = self.model.revisions.get(kind.name, 0) + (
                value is not None or there is not None
            )
        self.model.lines += [line] if line is not None else []

    @rule(queue=st.sampled_from(QUEUES), body=st.binary(max_size=3), due=minutes)
    def enqueue(self, queue: str, body: bytes, due: datetime) -> None:
        task = self.store.write(lambda tx: tx.enqueue(queue, body, due, NOON))
        assert task not in self.model.waiting.keys() | self.model.held.keys()
        self.model.waiting[task] = Task(task, queue, body, due, 0, NOON)

    @rule(queue=st.sampled_from(QUEUES), worker=st.sampled_from(WORKERS), now=minutes, limit=st.integers(1, 3))
    def claim(self, queue: str, worker: str, now: datetime, limit: int) -> None:
        due = sorted((t.due, t.id) for t in self.model.waiting.values() if t.queue == queue and t.due <= now)
        expected = [self.model.waiting[task] for _, task in due[:limit]]
        assert self.store.claim(queue, worker, now, limit) == expected
        for task in expected:
            del self.model.waiting[task.id]
            self.model.held[task.id] = (worker, task)

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), again=st.none() | minutes)
    def settle(self, data: st.DataObject, again: datetime | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.held)))
        _, task = self.model.held.pop(number)
        if again is None:
            self.store.write(lambda tx: tx.finish(number))
        else:
            self.store.write(lambda tx: tx.postpone(number, again))
            self.model.waiting[number] = Task(number, task.queue, task.body, again, task.attempts + 1, NOON)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.path)

    @invariant()
    def answers_as_the_model_does(self) -> None:
        self.store.read(self._compare)

    def _compare(self, tx: Transaction) -> None:
        model = self.model
        for kind in KINDS:
            expected = sorted((key, value) for (name, key), value in model.documents.items() if name == kind.name)
            assert tx.scan(kind) == expected
            assert tx.revision(kind) == model.revisions.get(kind.name, 0)
        for queue in QUEUES:
            tasks = [task for task in model.waiting.values() if task.queue == queue]
            assert tx.next_due(queue) == min((task.due for task in tasks), default=None)
            for worker in WORKERS:
                held = [task for owner, task in model.held.values() if (owner, task.queue) == (worker, queue)]
                assert sorted(tx.interrupted(queue, worker), key=lambda task: task.id) == sorted(
                    held, key=lambda task: task.id
                )
        assert [line.entry.subject for line in reversed(tx.journal(limit=1000))] == model.lines

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert verify(self.store) is None
            self.store.close()
            self.folder.cleanup()


StoreAsDictionaries.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestStoreAsDictionaries = StoreAsDictionaries.TestCase
