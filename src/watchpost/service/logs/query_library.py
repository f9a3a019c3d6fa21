"""Saved Insights queries."""

from collections.abc import Callable, Sequence
from datetime import datetime

from watchpost.errors import Refused
from watchpost.logs.records import QueryDefinition
from watchpost.logs.tokens import page_token, read_token
from watchpost.service.configuration import Configuration
from watchpost.service.logs.documents import QUERY_DEFINITION
from watchpost.service.logs.groups import milliseconds
from watchpost.stores.store import Entry, Store, Transaction


class LogQueryLibrary:
    """The saved queries of a store. `actor` in its methods is who asks, for the journal."""

    def __init__(self, store: Store, configuration: Configuration, new_id: Callable[[], str]) -> None:
        self._store, self._configuration, self._new_id = store, configuration, new_id

    def put(
        self,
        id_: str | None,
        name: str,
        text: str,
        groups: Sequence[str],
        parameters: tuple[tuple[str, str | None, str | None], ...],
        now: datetime,
        actor: str,
    ) -> str:
        """Save a query, or change the saved one with this id; its id.

        Raises: Refused ResourceNotFoundException: no query has this id.
        """
        key = id_ or self._new_id()
        definition = QueryDefinition(key, name, text, tuple(groups), milliseconds(now), parameters)

        def work(tx: Transaction) -> None:
            if id_ is not None and tx.get(QUERY_DEFINITION, id_) is None:
                raise Refused("ResourceNotFoundException", "The specified query definition does not exist.")
            tx.put(QUERY_DEFINITION, key, definition)
            self._note(tx, "log-query-definition.put", key, now, actor, {"name": name, "query": text})

        self._store.write(work)
        return key

    def delete(self, id_: str, now: datetime, actor: str) -> None:
        """Delete a saved query.

        Raises: Refused ResourceNotFoundException.
        """

        def work(tx: Transaction) -> None:
            if not tx.delete(QUERY_DEFINITION, id_):
                raise Refused("ResourceNotFoundException", "The specified query definition does not exist.")
            self._note(tx, "log-query-definition.deleted", id_, now, actor, {})

        self._store.write(work)

    def describe(self, prefix: str, token: str | None, limit: int) -> tuple[list[QueryDefinition], str | None]:
        """Saved queries by name; and the token that continues the listing."""
        found = [each for _, each in self._store.read(lambda tx: tx.scan(QUERY_DEFINITION))]
        found = sorted((each for each in found if each.name.startswith(prefix)), key=lambda each: (each.name, each.id))
        if token is not None:
            name, _, id_ = read_token(token).rpartition(":")
            found = [each for each in found if (each.name, each.id) > (name, id_)]
        page = found[:limit]
        return page, page_token(f"{page[-1].name}:{page[-1].id}") if len(found) > limit else None

    def _note(self, tx: Transaction, kind: str, id_: str, now: datetime, actor: str, data: dict[str, object]) -> None:
        region, account = self._configuration.region, self._configuration.account
        tx.record(Entry(now, kind, f"arn:aws:logs:{region}:{account}:query-definition:{id_}", actor, data))
