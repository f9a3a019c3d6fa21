"""When failed deliveries are tried again: bounds, phases, and what SNS's documentation says of its example."""

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.topics.delivery_policy import (
    BACKOFFS,
    HTTP,
    JITTER,
    PEOPLE,
    DeliveryPolicy,
    effective_policy,
    effective_topic_json,
    next_attempt,
    subscription_policy,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@st.composite
def policies(draw: st.DrawFn) -> DeliveryPolicy:
    low = draw(st.floats(0, 3600))
    phases = [draw(st.integers(0, 25)) for _ in range(4)]
    return DeliveryPolicy(
        min_delay=low,
        max_delay=draw(st.floats(low, 3600)),
        retries=sum(phases),
        no_delay_retries=phases[0],
        min_delay_retries=phases[1],
        max_delay_retries=phases[2],
        backoff=draw(st.sampled_from(BACKOFFS)),
    )


@given(policies())
def test_there_are_as_many_delays_as_retries(policy: DeliveryPolicy) -> None:
    assert len(policy.delays()) == policy.retries


@given(policies())
def test_delays_never_shrink_and_stay_between_the_two_targets(policy: DeliveryPolicy) -> None:
    delays = policy.delays()
    waited = delays[policy.no_delay_retries :]
    assert delays[: policy.no_delay_retries] == (0.0,) * policy.no_delay_retries
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(waited))
    assert all(policy.min_delay <= x <= policy.max_delay + 1e-9 for x in waited)


@given(policies(), st.integers(-3, 200), st.floats(0, 1, exclude_max=True))
def test_the_next_attempt_is_never_earlier_than_its_delay_and_at_most_a_tenth_later(
    policy: DeliveryPolicy, attempt: int, jitter: float
) -> None:
    at = next_attempt(policy, attempt, NOON, jitter)
    assert (at is None) == (not 1 <= attempt <= policy.retries)
    if at is not None:
        delay = policy.delays()[attempt - 1]
        late = (at - NOON).total_seconds()
        assert delay - 1e-5 <= late <= delay * (1 + JITTER) + 1e-5


@given(policies().filter(lambda p: p.retries - p.no_delay_retries - p.min_delay_retries - p.max_delay_retries > 1))
def test_the_growing_phase_begins_at_the_minimum_and_ends_at_the_maximum(policy: DeliveryPolicy) -> None:
    start = policy.no_delay_retries + policy.min_delay_retries
    growing = policy.delays()[start : policy.retries - policy.max_delay_retries]
    assert growing[0] == pytest.approx(policy.min_delay)
    assert growing[-1] == pytest.approx(policy.max_delay)


def test_the_documents_example_has_phases_of_3_2_10_and_35() -> None:
    # Amazon SNS, "Message delivery retries": min 1, max 60, retries 50, exponential.
    delays = DeliveryPolicy(1, 60, 50, 3, 2, 35, "exponential").delays()
    assert delays[:3] == (0.0,) * 3
    assert delays[3:5] == (1.0,) * 2
    assert delays[15:] == (60.0,) * 35
    growing = delays[5:15]
    assert (growing[0], growing[-1], len(growing)) == (1.0, 60.0, 10)
    steps = [b - a for a, b in itertools.pairwise(growing)]
    assert [b / a for a, b in itertools.pairwise(steps)] == pytest.approx([2.0] * 8)


def test_http_is_tried_three_more_times_20_seconds_apart() -> None:
    assert HTTP.delays() == (20.0, 20.0, 20.0)


def test_people_are_tried_50_more_times_within_7_hours() -> None:
    assert PEOPLE.retries == 50
    assert 6 * 3600 < sum(PEOPLE.delays()) < 7 * 3600


def test_curves_have_their_names_shape() -> None:
    def growing(backoff: str) -> tuple[float, ...]:
        return tuple(round(x, 3) for x in DeliveryPolicy(1, 16, 5, 0, 0, 0, backoff).delays())

    assert growing("linear") == (1.0, 4.75, 8.5, 12.25, 16.0)
    assert growing("geometric") == (1.0, 2.0, 4.0, 8.0, 16.0)
    assert growing("exponential") == (1.0, 2.0, 4.0, 8.0, 16.0)
    assert growing("arithmetic") == (1.0, 2.406, 5.375, 9.906, 16.0)


def test_the_effective_policy_of_a_topic_without_one_is_the_contracts() -> None:
    assert effective_topic_json("") == (
        '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,'
        '"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},'
        '"disableSubscriptionOverrides":false,'
        '"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}'
    )


@given(policies().filter(lambda p: p.retries <= 100))
def test_a_policy_read_back_from_what_is_shown_is_the_same(policy: DeliveryPolicy) -> None:
    stated = {
        "minDelayTarget": policy.min_delay,
        "maxDelayTarget": policy.max_delay,
        "numRetries": policy.retries,
        "numNoDelayRetries": policy.no_delay_retries,
        "numMinDelayRetries": policy.min_delay_retries,
        "numMaxDelayRetries": policy.max_delay_retries,
        "backoffFunction": policy.backoff,
    }
    text = json.dumps({"healthyRetryPolicy": stated})
    if sum(policy.delays()) > 3600:
        with pytest.raises(Refused, match="3600"):
            subscription_policy(text)
    else:
        assert subscription_policy(text).retry == policy


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"numRetries": 101}, "numRetries must be between 0 and 100"),
        ({"numRetries": -1}, "numRetries must be between 0 and 100"),
        ({"numRetries": 1.5}, "numRetries must be an integer"),
        ({"minDelayTarget": 3601}, "minDelayTarget must be between 0 and 3600"),
        ({"minDelayTarget": 30, "maxDelayTarget": 10}, "maxDelayTarget must be between minDelayTarget and 3600"),
        ({"numRetries": 1, "numNoDelayRetries": 2}, "sum of the retries of its phases"),
        ({"backoffFunction": "random"}, "backoffFunction must be one of"),
        ({"typo": 1}, "typo is not a member"),
        ({"minDelayTarget": 3000, "maxDelayTarget": 3000, "numRetries": 2}, "must not exceed 3600"),
    ],
)
def test_a_policy_out_of_bounds_is_refused_with_the_reason(stated: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        subscription_policy(json.dumps({"healthyRetryPolicy": stated}))


def test_a_subscriptions_policy_goes_before_the_topics_unless_that_forbids_it() -> None:
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 5}, "throttlePolicy": {"maxReceivesPerSecond": 2}})

    def topic(final: bool) -> str:
        return json.dumps(
            {"http": {"defaultHealthyRetryPolicy": {"numRetries": 7}, "disableSubscriptionOverrides": final}}
        )

    assert effective_policy(topic(False), own).retry.retries == 5
    assert effective_policy(topic(False), own).receives_per_second == 2
    assert effective_policy(topic(True), own).retry.retries == 7
    assert effective_policy(topic(False), "").retry.retries == 7
    assert next_attempt(HTTP, 1, NOON, 0.0) == NOON + timedelta(seconds=20)
