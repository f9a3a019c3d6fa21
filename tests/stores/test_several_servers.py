"""Several servers on one PostgreSQL: no update is lost, and a lost connection is not the end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from watchpost.documents import Kind
from watchpost.stores.open import open_store
from watchpost.stores.store import Store, Transaction

COUNT = Kind("count", int)


@pytest.fixture
def servers(postgresql_url: str) -> Iterator[tuple[Store, Store]]:
    one, two = open_store(postgresql_url), open_store(postgresql_url)
    yield one, two
    one.close()
    two.close()


def add(tx: Transaction) -> int:
    tx.put(COUNT, "all", (tx.get(COUNT, "all") or 0) + 1)
    return tx.revision(COUNT)


def test_two_servers_that_count_together_lose_no_count(servers: tuple[Store, Store]) -> None:
    with ThreadPoolExecutor(8) as pool:
        revisions = list(pool.map(lambda n: servers[n % 2].write(add), range(100)))
    assert sorted(revisions) == list(range(1, 101))
    assert [store.read(lambda tx: tx.get(COUNT, "all")) for store in servers] == [100, 100]


def cut(store: Store) -> None:
    """End every other connection to the database, those that rest in pools included."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'watchpost'"
    )
    store.write(lambda tx: tx.connection.exec_driver_sql(statement) and None)


def test_a_store_whose_connections_were_cut_goes_on(servers: tuple[Store, Store]) -> None:
    one, two = servers
    one.write(add)
    one.read(lambda tx: tx.get(COUNT, "all"))
    cut(two)
    assert one.read(lambda tx: tx.get(COUNT, "all")) == 1
    assert one.write(add) == 2


def test_a_work_whose_connection_is_cut_in_the_middle_is_run_again_once(servers: tuple[Store, Store]) -> None:
    one, two = servers
    runs: list[int] = []

    def cut_at_first(tx: Transaction) -> int:
        runs.append(1)
        if len(runs) == 1:
            own = tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            two.read(lambda tx: tx.connection.exec_driver_sql(f"SELECT pg_terminate_backend({own})") and None)
        return add(tx)

    assert one.write(cut_at_first) == 1
    assert len(runs) == 2
    assert two.read(lambda tx: tx.get(COUNT, "all")) == 1
