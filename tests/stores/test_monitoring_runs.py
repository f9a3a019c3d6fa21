"""Rows that runs are listed by: any page of any order under any filter is what a look at all of them would find."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from operator import attrgetter

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from watchpost.service.monitoring.documents import EXECUTION, PROCESSING_JOB, MonitoringExecution, ProcessingJob
from watchpost.service.monitoring.runs_listed import jobs_listed, last_execution
from watchpost.stores.open import open_store
from watchpost.stores.sql import migrations, monitoring_runs
from watchpost.stores.sql.engines import connect
from watchpost.stores.sql.monitoring_runs import Listed, Order, Run, RunFilter, forget, listed, put
from watchpost.stores.sql.schema import alembic_version, documents
from watchpost.stores.store import Store, Transaction

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ORDERS: tuple[Order, ...] = ("scheduled", "created", "status", "key")
instants = st.integers(0, 4).map(lambda hours: NOON + timedelta(hours=hours))
bounds = st.tuples(st.none() | instants, st.none() | instants)
runs = st.lists(
    st.builds(
        Run,
        key=st.text("aAb%_", min_size=1, max_size=3),
        scheduled=instants,
        created=instants,
        modified=instants,
        status=st.sampled_from(["Completed", "Failed"]),
        schedule=st.sampled_from(["a", "b"]),
        endpoint=st.sampled_from([None, "homes"]),
        definition=st.sampled_from([None, "job"]),
        monitor=st.sampled_from([None, "DataQuality"]),
    ),
    max_size=12,
    unique_by=attrgetter("key"),
)
filters = st.builds(
    RunFilter,
    schedule=st.sampled_from([None, "a"]),
    endpoint=st.sampled_from([None, "homes"]),
    definition=st.sampled_from([None, "job"]),
    monitor=st.sampled_from([None, "DataQuality"]),
    status=st.sampled_from([None, "Failed"]),
    named=st.sampled_from(["", "a", "%", "A"]),
    scheduled=bounds,
    created=bounds,
    modified=bounds,
)


def within(at: datetime, bounds: tuple[datetime | None, datetime | None]) -> bool:
    start, end = bounds
    return (start is None or at > start) and (end is None or at < end)


def passes(run: Run, wanted: RunFilter) -> bool:
    names = ("schedule", "endpoint", "definition", "monitor", "status")
    return (
        all(getattr(wanted, name) in (None, getattr(run, name)) for name in names)
        and wanted.named in run.key
        and within(run.scheduled, wanted.scheduled)
        and within(run.created, wanted.created)
        and within(run.modified, wanted.modified)
    )


def paged(tx: Transaction, wanted: RunFilter, order: Order, *, descending: bool, size: int) -> list[str]:
    """All pages of a listing, one after another."""
    found, place = list[str](), None
    while page := listed(tx, "execution", wanted, size, order, place, descending=descending):
        found += [each.key for each in page]
        place = page[-1].place
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs, filters, st.sampled_from(ORDERS), st.booleans(), st.integers(1, 4))
def test_pages_are_what_sorting_all_that_pass_would_give(
    any_store: Store, given_runs: list[Run], wanted: RunFilter, order: Order, descending: bool, size: int
) -> None:
    def work(tx: Transaction) -> list[str]:
        tx.connection.execute(monitoring_runs.monitoring_runs.delete())
        for run in given_runs:
            put(tx, "execution", run)
        return paged(tx, wanted, order, descending=descending, size=size)

    by: Callable[[Run], object] = attrgetter("status", "scheduled") if order == "status" else attrgetter(order)
    whole = sorted(given_runs, key=by, reverse=False)  # type: ignore[arg-type]  # what is compared is comparable
    left = [run.key for run in whole if passes(run, wanted)]
    found = any_store.write(work)
    # Of equals the one that was written first comes first, or last where the order is turned round.
    assert found == (left[::-1] if descending else left)


def test_a_row_that_is_written_again_is_replaced_and_keeps_its_place_among_equals(any_store: Store) -> None:
    first, second = (Run(name, NOON, NOON, NOON, "InProgress") for name in "ab")
    ended = Run("a", NOON, NOON, NOON, "Completed")

    def work(tx: Transaction) -> tuple[list[str], list[str]]:
        for run in (first, second, ended):
            put(tx, "execution", run)
        put(tx, "job", first)
        before = paged(tx, RunFilter(), "scheduled", descending=False, size=1)
        forget(tx, "execution", "b")
        return before, [each.key for each in listed(tx, "execution", RunFilter(status="Completed"), 9)]

    assert any_store.write(work) == (["a", "b"], ["a"])


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("scheduled", RunFilter()),
        ("scheduled", RunFilter(schedule="a")),
        ("scheduled", RunFilter(endpoint="homes")),
        ("scheduled", RunFilter(definition="job")),
        ("scheduled", RunFilter(status="Failed")),
        ("scheduled", RunFilter(monitor="ModelBias")),
        ("created", RunFilter()),
        ("status", RunFilter()),
    ],
)
def test_a_page_of_many_is_read_in_an_index_without_sorting(store: Store, order: Order, found: RunFilter) -> None:
    def plan(tx: Transaction) -> str:
        seen: list[str] = []

        class Explaining:
            """The connection, asked what it would do."""

            def execute(self, query: object) -> list[Listed]:
                words = str(query.compile(tx.connection.engine, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]  # a statement
                rows = tx.connection.execute(text(f"EXPLAIN QUERY PLAN {words}"))
                seen.extend(str(row[-1]) for row in rows)
                return []

        class Asked:
            connection = Explaining()

        listed(Asked(), "execution", found, 10, order)  # type: ignore[arg-type]  # all that is asked of it
        return "\n".join(seen)

    told = store.read(plan)
    assert "USING" in told
    assert "TEMP B-TREE" not in told
    assert "SCAN" not in told


def test_runs_that_were_there_before_the_rows_get_theirs_when_a_database_is_upgraded(database: str) -> None:
    members: dict[str, object] = {"AppSpecification": {}}
    execution = MonitoringExecution("hourly", NOON, "Completed", NOON, NOON, "DataQuality", "job-1", endpoint="homes")
    job = ProcessingJob("job-1", "arn", "Completed", NOON, NOON, members)
    engines = connect(database)
    with engines.writing.connect() as connection, connection.begin():
        with Operations.context(MigrationContext.configure(connection)):
            import_module(migrations.revisions()["0001"]).upgrade()
        alembic_version.create(connection)
        connection.execute(alembic_version.insert(), {"version_num": "0001"})
        rows = [(EXECUTION.name, execution.key, EXECUTION.encode(execution))]
        rows += [(PROCESSING_JOB.name, job.name, PROCESSING_JOB.encode(job))]
        connection.execute(documents.insert(), [{"kind": k, "key": key, "body": body} for k, key, body in rows])
    engines.dispose()
    store = open_store(database)
    ask = RunFilter(schedule="hourly", endpoint="homes", monitor="DataQuality", status="Completed")
    assert store.read(lambda tx: last_execution(tx, "hourly")) == execution
    assert [each.key for each in store.read(lambda tx: listed(tx, "execution", ask, 9))] == [execution.key]
    assert [each for _, each in jobs_listed(store, RunFilter(), 9, "key", None, descending=False)] == [job]
    store.close()
