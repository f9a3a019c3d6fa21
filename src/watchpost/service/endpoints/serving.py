"""Which models an endpoint served when: a line for each change, kept also when the endpoint is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watchpost.documents import Kind
from watchpost.service.endpoints.documents import Deployment, EndpointDocument, Variant
from watchpost.stores.store import Transaction


@dataclass(frozen=True, slots=True)
class ServingVariant:
    """A variant that answers requests: its model, and the ARN of the model package that the model came of, if any."""

    name: str
    model: str
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """What an endpoint serves from `at` on, until its next line.

    variants: those that get requests, none when nothing is served. capture: where records are captured to, above the
    folder of the endpoint; None: they are not.
    """

    endpoint: str
    at: datetime
    variants: tuple[ServingVariant, ...]
    capture: str | None = None


SERVING = Kind("endpoint-serving", Serving)


def note_serving(tx: Transaction, endpoint: EndpointDocument, now: datetime, *, gone: bool = False) -> None:
    """Add a line if what the endpoint serves changed; `gone`: it is removed."""
    live = None if gone or endpoint.status in {"Deleting", "Failed"} else endpoint.live
    fleets = [live] if live is not None else []
    if fleets and endpoint.pending is not None and endpoint.shift is not None and endpoint.shift.fraction > 0:
        fleets.append(endpoint.pending)
    asked = {_variant(one) for fleet in fleets for one in _asked(fleet)}
    variants = tuple(sorted(asked, key=lambda one: (one.name, one.model, one.package or "")))
    capture = next((fleet.capture.destination for fleet in fleets if fleet.capture and fleet.capture.enabled), None)
    history = serving_history(tx, endpoint.name)
    if history and (history[-1].variants, history[-1].capture) == (variants, capture):
        return
    if not history and not variants:
        return
    # A clock that was set back must not put this line before the one it follows.
    at = max(now, history[-1].at) if history else now
    tx.put(
        SERVING,
        f"{endpoint.name}|{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}",
        Serving(endpoint.name, at, variants, capture),
    )


def serving_history(tx: Transaction, endpoint: str) -> list[Serving]:
    """The lines of an endpoint, oldest first."""
    return [line for _, line in tx.scan(SERVING, prefix=f"{endpoint}|")]


def serving_between(history: Sequence[Serving], start: datetime, end: datetime) -> list[Serving]:
    """The lines that held at some time within [start, end), oldest first."""
    followed = [line.at for line in history[1:]]
    return (
        [
            line
            for line, until in zip(history, [*followed, end], strict=True)
            if line.at < end and max(until, line.at) > start
        ]
        if history and start < end
        else []
    )


def _asked(fleet: Deployment) -> list[Variant]:
    return [variant for variant in fleet.variants if variant.weight > 0]


def _variant(variant: Variant) -> ServingVariant:
    return ServingVariant(variant.name, variant.model, variant.package)
