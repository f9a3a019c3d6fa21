"""Where an endpoint's requests go: variants that serve now, and their shares."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from threading import Condition
from typing import Protocol

from watchpost.errors import Refused
from watchpost.runners import Answer, Question
from watchpost.service.endpoints.gateway_figures import Counted
from watchpost.service.endpoints.runner_fleets import Fleet


class Captures(Protocol):
    """Takes what passed, without ever waiting or raising."""

    def __call__(self, question: Question, answer: Answer, inference_id: str) -> None:
        """A request and its answer."""


def not_captured(question: Question, answer: Answer, inference_id: str) -> None:
    """Capture nothing."""
    del question, answer, inference_id


class LiveVariant:
    """A variant of one fleet while requests go to it; knows how many are under way."""

    def __init__(self, name: str, fleet: Fleet, counted: Counted, capture: Captures = not_captured) -> None:
        self.name, self.fleet, self.counted, self.capture = name, fleet, counted, capture
        self._under_way, self._closed = 0, False
        self._changed = Condition()

    def enter(self) -> bool:
        """Begin a request; False: the variant takes no more, choose again."""
        with self._changed:
            if not self._closed:
                self._under_way += 1
            return not self._closed

    def leave(self) -> None:
        """A request has ended."""
        with self._changed:
            self._under_way -= 1
            if not self._under_way:
                self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Take no more requests and wait for those under way; whether all ended in time."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._under_way == 0, seconds)


@dataclass(frozen=True, slots=True)
class Share:
    """A variant and its part of the traffic: a weight >= 0, among the others'."""

    variant: LiveVariant
    weight: float


@dataclass(frozen=True, slots=True)
class Route:
    """The variants of one endpoint; a shadow's weight is the fraction of requests it gets copies of, in [0, 1]."""

    endpoint: str
    shares: tuple[Share, ...]
    shadows: tuple[Share, ...] = ()

    def choose(self, target: str, rng: Callable[[], float]) -> LiveVariant:
        """The variant for one request; `target` names one, "" draws by weight. `rng` draws from [0, 1).

        Raises: Refused: ValidationError: no variant is called so, or none has a weight.
        """
        shares = [share for share in self.shares if share.variant.name == target] if target else self.shares
        if not shares:
            names = ", ".join(sorted({share.variant.name for share in self.shares}))
            told = f"Variant {target} of endpoint {self.endpoint} not found. It has: {names}."
            raise Refused("ValidationError", told)
        ends = list(accumulate(share.weight for share in shares))
        if ends[-1] <= 0:
            if target:  # who names a variant gets it, whatever its weight
                return shares[-1].variant
            raise Refused("ValidationError", f"All variants of endpoint {self.endpoint} have weight 0.")
        place = bisect_right(ends, rng() * ends[-1])
        # A product may round up to the very end.
        while place >= len(shares) or shares[place].weight <= 0:
            place -= 1
        return shares[place].variant
