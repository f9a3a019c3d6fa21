"""When a failed delivery is tried again.

Source: Amazon SNS, "Message delivery retries": four phases in this order, without delay, at the minimum delay, growing
from the minimum to the maximum (`backoffFunction`), at the maximum delay. The curves of the growing phase are not
published; ours are, over its n delays and with u = i / (n - 1), i = 0 … n - 1:

- linear: min + u (max - min)
- arithmetic: each step is longer than the last by the same amount: min + u (u + 1/n) / (1 + 1/n) (max - min)
- geometric: max^u min^(1 - u), a straight line on a logarithmic scale
- exponential: min + (2^(i) - 1) / (2^(n-1) - 1) (max - min), the growth doubles every time

A phase of a single delay waits the minimum.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchpost.topics.limits import invalid

BACKOFFS = ("linear", "arithmetic", "geometric", "exponential")
LONGEST_SECONDS = 3600.0
# So that subscribers that failed together are not tried together: up to a tenth of the delay is added.
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """SNS's healthyRetryPolicy; delays in seconds. The defaults are SNS's for HTTP: three retries 20 s apart."""

    min_delay: float = 20.0
    max_delay: float = 20.0
    retries: int = 3
    no_delay_retries: int = 0
    min_delay_retries: int = 0
    max_delay_retries: int = 0
    backoff: str = "linear"

    def delays(self) -> tuple[float, ...]:
        """Seconds before each retry, `retries` of them."""
        growing = self.retries - self.no_delay_retries - self.min_delay_retries - self.max_delay_retries
        return (
            (0.0,) * self.no_delay_retries
            + (self.min_delay,) * self.min_delay_retries
            + tuple(self._grown(i, growing) for i in range(growing))
            + (self.max_delay,) * self.max_delay_retries
        )

    def _grown(self, i: int, n: int) -> float:
        low, high = self.min_delay, self.max_delay
        if n == 1 or low == high:
            return low
        u = i / (n - 1)
        match self.backoff:
            case "arithmetic":
                share = u * (u + 1 / n) / (1 + 1 / n)
            case "geometric":
                # A minimum of zero has no logarithm: behind the first delay, no delay is under a millisecond.
                start = max(low, min(0.001, high))
                return low if i == 0 else min(high, start * math.pow(high / start, u))
            case "exponential":
                share = (math.exp2(i) - 1) / (math.exp2(n - 1) - 1)
            case _:
                share = u
        return low + share * (high - low)


HTTP = DeliveryPolicy()
# SNS's own schedule for mail and text messages: 50 attempts over six hours.
PEOPLE = DeliveryPolicy(10.0, 600.0, 50, 0, 2, 38, "exponential")


def next_attempt(policy: DeliveryPolicy, attempt: int, failed_at: datetime, jitter: float) -> datetime | None:
    """When to try again after attempt number `attempt` (1 is the first delivery) failed; None: give up.

    Args: jitter: in [0, 1); that share of a tenth of the delay is added.
    """
    if not 1 <= attempt <= policy.retries:
        return None
    return failed_at + timedelta(seconds=policy.delays()[attempt - 1] * (1 + JITTER * jitter))


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """What a DeliveryPolicy attribute says about HTTP: retries, rate and content type."""

    retry: DeliveryPolicy = HTTP
    receives_per_second: float | None = None
    content_type: str | None = None


# In SNS's order. A minimum given alone lifts the maximum with it.
_DEFAULTS: dict[str, float] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
}
_DELAYS = ("minDelayTarget", "maxDelayTarget")
_COUNTS = ("numMaxDelayRetries", "numNoDelayRetries", "numMinDelayRetries")


def subscription_policy(text: str, prefix: str = "DeliveryPolicy: ") -> HttpPolicy:
    """What the DeliveryPolicy attribute of a subscription says; empty text is the default.

    Raises: Refused: it is not JSON, has a number out of bounds, or phases that do not add up.
    """
    return _policy(_object(text, prefix), "healthyRetryPolicy", "throttlePolicy", "requestPolicy", prefix)


def topic_policy(text: str, prefix: str = "DeliveryPolicy: ") -> tuple[HttpPolicy, bool]:
    """What the DeliveryPolicy attribute of a topic says, and whether subscriptions may not override it.

    Raises: Refused: see `subscription_policy`.
    """
    http = _object(text, prefix).get("http", {})
    if not isinstance(http, dict):
        raise invalid(f"{prefix}http must be a JSON object")
    policy = _policy(http, "defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy", prefix)
    return policy, http.get("disableSubscriptionOverrides") is True


def effective_policy(topic: str, subscription: str) -> HttpPolicy:
    """The policy in force for a subscription, from the two DeliveryPolicy attributes as they are kept."""
    general, final = topic_policy(topic)
    if final or not subscription:
        return general
    own = subscription_policy(subscription)
    stated = _object(subscription, "")
    return HttpPolicy(
        own.retry if stated.get("healthyRetryPolicy") else general.retry,
        own.receives_per_second or general.receives_per_second,
        own.content_type or general.content_type,
    )


def effective_topic_json(text: str) -> str:
    """The EffectiveDeliveryPolicy that GetTopicAttributes shows, compact JSON in SNS's order of members."""
    policy, final = topic_policy(text)
    http: dict[str, object] = {
        "defaultHealthyRetryPolicy": _retry_json(policy.retry),
        "disableSubscriptionOverrides": final,
    }
    if policy.receives_per_second is not None:
        http["defaultThrottlePolicy"] = {"maxReceivesPerSecond": _plain(policy.receives_per_second)}
    http["defaultRequestPolicy"] = {"headerContentType": policy.content_type or "text/plain; charset=UTF-8"}
    return json.dumps({"http": http}, separators=(",", ":"))


def effective_subscription_json(topic: str, subscription: str) -> str:
    """The EffectiveDeliveryPolicy that GetSubscriptionAttributes shows."""
    policy = effective_policy(topic, subscription)
    shown: dict[str, object] = {"healthyRetryPolicy": _retry_json(policy.retry)}
    if policy.receives_per_second is not None:
        shown["throttlePolicy"] = {"maxReceivesPerSecond": _plain(policy.receives_per_second)}
    shown["requestPolicy"] = {"headerContentType": policy.content_type or "text/plain; charset=UTF-8"}
    return json.dumps(shown, separators=(",", ":"))


def _retry_json(policy: DeliveryPolicy) -> dict[str, object]:
    return {
        "minDelayTarget": _plain(policy.min_delay),
        "maxDelayTarget": _plain(policy.max_delay),
        "numRetries": policy.retries,
        "numMaxDelayRetries": policy.max_delay_retries,
        "numNoDelayRetries": policy.no_delay_retries,
        "numMinDelayRetries": policy.min_delay_retries,
        "backoffFunction": policy.backoff,
    }


def _plain(seconds: float) -> float:
    return int(seconds) if float(seconds).is_integer() else float(seconds)


def _object(text: str, prefix: str) -> dict[str, object]:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise invalid(f"{prefix}failed to parse JSON.")
    return value


def _policy(stated: dict[str, object], retry: str, throttle: str, request: str, prefix: str) -> HttpPolicy:
    rate = _member(stated, throttle, prefix).get("maxReceivesPerSecond")
    content_type = _member(stated, request, prefix).get("headerContentType")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1):
        raise invalid(f"{prefix}{throttle}.maxReceivesPerSecond must be greater than or equal to 1")
    if content_type is not None and not isinstance(content_type, str):
        raise invalid(f"{prefix}{request}.headerContentType must be a string")
    return HttpPolicy(
        _retry_policy(_member(stated, retry, prefix), f"{prefix}{retry}"),
        None if rate is None else float(rate),
        content_type,
    )


def _member(stated: dict[str, object], name: str, prefix: str) -> dict[str, object]:
    value = stated.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"{prefix}{name} must be a JSON object")
    return value


def _retry_policy(stated: dict[str, object], prefix: str) -> DeliveryPolicy:
    backoff = stated.get("backoffFunction") or "linear"
    if backoff not in BACKOFFS:
        raise invalid(f"{prefix}.backoffFunction must be one of {', '.join(BACKOFFS)}")
    given: dict[str, float] = {}
    for name, value in stated.items():
        if name == "backoffFunction" or value is None:
            continue
        if name not in _DEFAULTS:
            raise invalid(f"{prefix}.{name} is not a member of a retry policy")
        if isinstance(value, bool) or not isinstance(value, int | float if name in _DELAYS else int):
            raise invalid(f"{prefix}.{name} must be {'a number' if name in _DELAYS else 'an integer'}")
        given[name] = value
    lifted = {"maxDelayTarget": max(20.0, given.get("minDelayTarget", 0.0))}
    numbers = _DEFAULTS | lifted | given
    problem = _problem(numbers)
    if problem is not None:
        raise invalid(f"{prefix}.{problem}")
    policy = DeliveryPolicy(
        min_delay=float(numbers["minDelayTarget"]),
        max_delay=float(numbers["maxDelayTarget"]),
        retries=int(numbers["numRetries"]),
        no_delay_retries=int(numbers["numNoDelayRetries"]),
        min_delay_retries=int(numbers["numMinDelayRetries"]),
        max_delay_retries=int(numbers["numMaxDelayRetries"]),
        backoff=str(backoff),
    )
    if sum(policy.delays()) > LONGEST_SECONDS:
        raise invalid(f"{prefix}: the total of all delays must not exceed 3600 seconds")
    return policy


def _problem(numbers: dict[str, float]) -> str | None:
    if not 0 <= numbers["numRetries"] <= 100:
        return "numRetries must be between 0 and 100"
    for name in _COUNTS:
        if numbers[name] < 0:
            return f"{name} must be greater than or equal to 0"
    if sum(numbers[name] for name in _COUNTS) > numbers["numRetries"]:
        return "numRetries must be greater than or equal to the sum of the retries of its phases"
    if not 0 <= numbers["minDelayTarget"] <= LONGEST_SECONDS:
        return "minDelayTarget must be between 0 and 3600"
    if not numbers["minDelayTarget"] <= numbers["maxDelayTarget"] <= LONGEST_SECONDS:
        return "maxDelayTarget must be between minDelayTarget and 3600"
    return None
