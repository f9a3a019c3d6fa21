"""What waits in a queue, read without taking it: for whoever must not disturb what a task still needs."""

from sqlalchemy import select

from watchpost.stores.sql.schema import tasks
from watchpost.stores.store import Transaction


def bodies(tx: Transaction, queue: str) -> list[bytes]:
    """The bodies of a queue's tasks, those under way included, oldest first."""
    return list(
        tx.connection.execute(select(tasks.c.body).where(tasks.c.queue == queue).order_by(tasks.c.id)).scalars()
    )
