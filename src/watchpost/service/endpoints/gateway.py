"""The gateway: a request in, a variant chosen and asked, its answer out; counted and captured on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import random
from threading import BoundedSemaphore, Condition
from time import perf_counter, sleep

import structlog

from watchpost.errors import Refused
from watchpost.runners import Answer, Failure, NotRead, NotSent, Question, Reply, Unreachable
from watchpost.service.clock import Clock
from watchpost.service.endpoints.gateway_figures import Figures, Outcome
from watchpost.service.endpoints.gateway_routes import LiveVariant, Route
from watchpost.service.endpoints.logs import EndpointLogs, log_group

_log = structlog.get_logger(__name__)
_ATTRIBUTES, _INFERENCE_ID = "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id"
# How long a request waits for a process that is just being started again.
_PATIENCE_SECONDS, _BREATH_SECONDS = 10.0, 0.02
_SHADOW_THREADS, _SHADOWS_UNDER_WAY = 8, 64
_SAID_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Invocation:
    """A request for an endpoint, as InvokeEndpoint has it; "" is what was not given."""

    endpoint: str
    question: Question
    target_variant: str = ""
    inference_id: str = ""


@dataclass(frozen=True, slots=True)
class Invoked:
    """The answer, and which variant gave it."""

    answer: Answer
    variant: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came of asking a variant: a reply, or why there is none. `seconds` None: it was not even asked."""

    reply: Reply | None
    problem: Unreachable | str = ""
    instance: str = ""
    seconds: float | None = None


class Gateway:
    """Routes of all endpoints, and requests along them. Methods may be called from any thread."""

    def __init__(
        self,
        clock: Clock,
        figures: Figures,
        logs: EndpointLogs,
        log_group_arn: Callable[[str], str],
        invocation_seconds: float = 60.0,
        rng: Callable[[], float] = random,
    ) -> None:
        """`rng` draws from [0, 1)."""
        self._clock, self._figures, self._logs, self._log_group_arn = clock, figures, logs, log_group_arn
        self._seconds, self._rng = invocation_seconds, rng
        self._routes: dict[str, Route] = {}
        self._changed = Condition()
        self._shadows = ThreadPoolExecutor(_SHADOW_THREADS, thread_name_prefix="shadow")
        self._shadow_slots = BoundedSemaphore(_SHADOWS_UNDER_WAY)
        self.shadows_dropped = 0

    def set_routes(self, routes: dict[str, Route]) -> None:
        """From now on requests go along these; those under way end where they are."""
        with self._changed:
            self._routes = routes
            self._changed.notify_all()

    def routed(self, endpoint: str, seconds: float = 0.0) -> bool:
        """Whether there is a route, waiting so long for one."""
        with self._changed:
            return self._changed.wait_for(lambda: endpoint in self._routes, seconds)

    def invoke(self, invocation: Invocation) -> Invoked:
        """The answer of a variant.

        Raises: Refused: ValidationError: no such endpoint or variant; ModelError: the model failed, or gave no answer
        in time; ServiceUnavailable: nothing that could be asked is running.
        """
        began = perf_counter()
        route, variant = self._entered(invocation)
        try:
            asked = self._ask(variant, invocation)
        finally:
            variant.leave()
        self._record(variant, asked, perf_counter() - began)
        answer = self._judged(invocation, variant, asked)
        variant.capture(invocation.question, answer, invocation.inference_id)
        if route.shadows:
            self._mirror(route, invocation)
        return Invoked(answer, variant.name)

    def close(self) -> None:
        """Wait for the copies that are under way."""
        self._shadows.shutdown(wait=True, cancel_futures=True)

    def _entered(self, invocation: Invocation) -> tuple[Route, LiveVariant]:
        while True:
            route = self._routes.get(invocation.endpoint)
            if route is None:
                raise Refused("ValidationError", f"Endpoint {invocation.endpoint} not found.")
            variant = route.choose(invocation.target_variant, self._rng)
            if variant.enter():
                return route, variant
            # Its fleet has just been replaced, and so was the route.

    def _ask(self, variant: LiveVariant, invocation: Invocation) -> _Asked:
        question = invocation.question
        headers = {
            "Content-Type": question.content_type or "application/octet-stream",
            "Accept": question.accept or "*/*",
        }
        if question.attributes:
            headers[_ATTRIBUTES] = question.attributes
        if invocation.inference_id:
            headers[_INFERENCE_ID] = invocation.inference_id
        until, once_more = perf_counter() + _PATIENCE_SECONDS, True
        while True:
            asked = self._ask_once(variant, question.body, headers, max(until - perf_counter(), 0.0))
            # A process that is dying is still thought to be there; no model has seen the request yet. But if reading it
            # is what ends them, not every process must be given it.
            again = isinstance(asked.problem, NotSent) or (once_more and isinstance(asked.problem, NotRead))
            if not again or not variant.fleet.restarts or perf_counter() > until:
                return asked
            once_more = once_more and not isinstance(asked.problem, NotRead)
            sleep(_BREATH_SECONDS)

    def _ask_once(self, variant: LiveVariant, body: bytes, headers: dict[str, str], patience: float) -> _Asked:
        with variant.fleet.server(patience) as server:
            if server is None:
                return _Asked(None, variant.fleet.failure or "no instance is ready")
            instance, connections = server
            began = perf_counter()
            try:
                reply = connections.post(variant.fleet.path, body, headers, self._seconds)
            except Unreachable as problem:
                return _Asked(None, problem, instance, perf_counter() - began)
            return _Asked(reply, instance=instance, seconds=perf_counter() - began)

    def _judged(self, invocation: Invocation, variant: LiveVariant, asked: _Asked) -> Answer:
        endpoint, reply = invocation.endpoint, asked.reply
        if asked.seconds is None:
            told = f"Variant {variant.name} of endpoint {endpoint} cannot take requests now: {asked.problem}"
            raise Refused("ServiceUnavailable", told)
        if isinstance(asked.problem, Failure):
            said = (
                "Your invocation timed out while waiting for a response from container primary. Review the latency "
                "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
            )
            raise self._model_error(endpoint, variant, asked, said)
        if reply is None:
            raise self._model_error(endpoint, variant, asked, f"The model gave no answer: {asked.problem}")
        if not 200 <= reply.status < 300:
            raise self._model_error(endpoint, variant, asked, reply.body[:_SAID_BYTES].decode(errors="replace"))
        kind = reply.headers.get("content-type", "application/octet-stream")
        return Answer(reply.body, kind, reply.status, reply.headers.get(_ATTRIBUTES, ""))

    def _model_error(self, endpoint: str, variant: LiveVariant, asked: _Asked, said: str) -> Refused:
        status = asked.reply.status if asked.reply else 0
        whose = "client" if 400 <= status < 500 else "server"
        arn = self._log_group_arn(endpoint)
        self._logs.take(endpoint, variant.name, asked.instance, [f"An invocation failed with {status}: {said}"])
        told = (
            f'Received {whose} error ({status}) from primary with message "{said}". See the log group '
            f"{log_group(endpoint)} for more information."
        )
        members = {"OriginalStatusCode": status, "OriginalMessage": said, "LogStreamArn": arn}
        return Refused("ModelError", told, members)

    def _record(self, variant: LiveVariant, asked: _Asked, spent: float) -> None:
        model_us = None if asked.seconds is None else round(asked.seconds * 1e6)
        outcome = Outcome(
            status=asked.reply.status if asked.reply else None,
            model_us=model_us,
            overhead_us=max(round(spent * 1e6) - (model_us or 0), 0),
            instance=asked.instance,
            instances=max(variant.fleet.healthy, 1),
            refused=asked.seconds is None,
        )
        self._figures.record(variant.counted, self._clock.now().timestamp(), outcome)

    def _mirror(self, route: Route, invocation: Invocation) -> None:
        for share in route.shadows:
            if self._rng() >= share.weight:
                continue
            # A slow shadow must not hold memory without end: what it cannot take is dropped and counted.
            if not self._shadow_slots.acquire(blocking=False):
                self.shadows_dropped += 1
                continue
            if not share.variant.enter():
                self._shadow_slots.release()
                continue
            self._shadows.submit(self._shadow, share.variant, invocation)

    def _shadow(self, variant: LiveVariant, invocation: Invocation) -> None:
        began = perf_counter()
        try:
            asked = self._ask(variant, invocation)
            self._record(variant, asked, perf_counter() - began)
            variant.capture(invocation.question, self._judged(invocation, variant, asked), invocation.inference_id)
        except Refused as problem:
            _log.debug("a shadow variant failed", variant=variant.name, why=str(problem))
        finally:
            variant.leave()
            self._shadow_slots.release()
