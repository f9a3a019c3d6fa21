"""Sampling: which calls, by what right, and that weighted figures come out true."""

import json
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.capture import CaptureConfig, CapturedCall, Sampling, inclusion_probability
from watchpost.capture.fields import Field, read_json_field
from watchpost.capture.record import Transcriber, kept
from watchpost.capture.sampling import place_of
from watchpost.errors import Misconfigured

RULES = Sampling.parse("100 % where amount > 1000, 10 % otherwise")


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_raising_the_percentage_only_adds_calls(inference_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert kept(high, inference_id, 0) or not kept(low, inference_id, 0)


@given(st.text(min_size=1), st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.floats(0, 1))
def test_one_inference_id_is_judged_alike_whatever_the_event(inference_id: str, one: int, other: int, p: float) -> None:
    assert kept(p, inference_id, one) == kept(p, inference_id, other)


def test_places_of_ids_are_uniform() -> None:
    # Kolmogorov-Smirnov against the uniform distribution, n = 20,000 consecutive order numbers: 1.95 / sqrt(n) is
    # passed by chance once in a thousand times (Massey 1951); the ids are fixed, so it is passed always or never.
    n = 20_000
    places = sorted(place_of(f"order-{i}".encode()) for i in range(n))
    gap = max(max(abs(place - i / n), abs(place - (i + 1) / n)) for i, place in enumerate(places))
    assert gap < 1.95 / math.sqrt(n)


def test_weighted_estimates_are_unbiased_over_ten_thousand_samplings() -> None:
    """The total, its count and its mean of 40 calls, from what rules let through, each weighted by its probability."""
    amounts = [50 * i for i in range(40)]  # 0 to 1950: 19 of them above 1000
    probabilities = [RULES.probability(lambda _, a=amount: [str(a)]) for amount in amounts]
    assert (probabilities.count(1.0), probabilities.count(0.1)) == (19, 21)
    totals, counts = [], []
    for simulation in range(10_000):
        sampled = [
            (amount, 1 / p)
            for i, (amount, p) in enumerate(zip(amounts, probabilities, strict=True))
            if kept(p, f"{simulation}/{i}", 0)
        ]
        totals.append(sum(amount * weight for amount, weight in sampled))
        counts.append(sum(weight for _, weight in sampled))
    # Of Poisson sampling the variance of a total is the sum of y² (1 - p) / p; four standard errors of the mean.
    for estimates, values in ((totals, amounts), (counts, [1] * 40)):
        variance = sum(y * y * (1 - p) / p for y, p in zip(values, probabilities, strict=True))
        error = abs(sum(estimates) / len(estimates) - sum(values))
        assert error < 4 * math.sqrt(variance / len(estimates))


def test_records_say_how_probable_they_were_and_certain_ones_say_nothing() -> None:
    transcriber = Transcriber(CaptureConfig(sampling=RULES))
    seen: dict[float, set[float]] = {500: set(), 2000: set()}
    for number in range(300):
        for amount, probabilities in seen.items():
            body = json.dumps({"amount": amount}).encode()
            call = CapturedCall(body, b"1", "application/json", "text/csv", f"{amount}-{number}", ("k=v",))
            made = transcriber.line(call, 0.0, 0)
            if isinstance(made, bytes):
                attributes = json.loads(made)["eventMetadata"]["customAttributes"]
                assert attributes[0] == "k=v"
                probabilities.add(inclusion_probability(attributes))
            else:
                assert made == "sampled_out"
    assert seen == {500: {0.1}, 2000: {1.0}}


def test_a_uniform_percentage_adds_no_attribute() -> None:
    made = Transcriber(CaptureConfig(sampling=Sampling(50.0))).line(CapturedCall(b"1", b"2"), 0.0, 0)
    assert isinstance(made, bytes)
    assert "customAttributes" not in json.loads(made)["eventMetadata"]


@pytest.mark.parametrize(
    ("text", "body", "percentage"),
    [
        ("100 % where amount > 1000, 10 % otherwise", {"amount": 1000.01}, 100),
        ("100 % where amount > 1000, 10 % otherwise", {"amount": 1000}, 10),
        ("100 % where amount > 1000, 10 % otherwise", {"amount": None}, 10),
        ("100 % where amount > 1000, 10 % otherwise", {"amount": "many"}, 10),
        ("100 % where amount > 1000", {"amount": 3}, 0),
        ("20", {}, 20),
        ("5 % of all", {}, 5),
        ("50% where country = 'NO, SE' and amount>=2, 1% otherwise", {"country": "NO, SE", "amount": 2}, 50),
        ("50% where country = 'NO' and amount>=2, 1% otherwise", {"country": "NO", "amount": 1}, 1),
        ("7 % where a = 1, 9 % where b != 1, 1 % otherwise", {"a": 2, "b": 2}, 9),
        ("30 % where order.total <= -1.5e3, 1 % otherwise", {"order": {"total": -1500}}, 30),
    ],
)
def test_rules_are_read_as_they_are_written(text: str, body: dict[str, object], percentage: float) -> None:
    sampling = Sampling.parse(text)
    payload = json.dumps(body)
    assert sampling.probability(lambda field: read_json_field(payload, field)) == percentage / 100


@pytest.mark.parametrize("text", ["", "often", "101", "-1", "10 % otherwise, 5 % where a > 1", "10 % where a ~ 1"])
def test_rules_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        Sampling.parse(text)


@pytest.mark.parametrize(
    ("rule", "asked", "answered", "drawn"),
    [
        ("input[1] > 5", b"1,9", b"0", True),
        ("amount > 5", b"9,1", b"0", True),
        ("output[0] > 0.5", b"1,1", b"0.9", True),
        ("endpointOutput[0] > 0.5", b"1,1", b"0.9", True),
        ("output[0] > 0.5", b"1,1", b"0.1", False),
        ("amount > 5", b"1,1\n9,1", b"0\n0", True),  # some row
        ("input[7] > 5", b"9,9", b"0", False),
    ],
)
def test_rules_look_into_csv_of_both_sides(rule: str, asked: bytes, answered: bytes, drawn: bool) -> None:
    config = CaptureConfig(sampling=Sampling.parse(f"100 % where {rule}"), input_columns=("amount", "age"))
    made = Transcriber(config).line(CapturedCall(asked, answered, "text/csv", "text/csv"), 0.0, 0)
    assert isinstance(made, bytes) is drawn


@given(st.lists(st.text(max_size=20)))
def test_attributes_of_others_make_no_probability(attributes: list[str]) -> None:
    assert inclusion_probability(attributes) == 1.0


@pytest.mark.parametrize("value", ["0", "-1", "2", "nan", "inf", "", "1e-400"])
def test_a_probability_out_of_range_is_none(value: str) -> None:
    assert inclusion_probability([f"watchpost-inclusion-probability={value}"]) == 1.0


def test_events_without_an_id_are_drawn_by_their_event_id() -> None:
    events = [uuid.UUID(int=place << 96).int for place in range(2_000)]
    share = sum(kept(0.25, None, event) for event in events) / len(events)
    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(events))


def test_a_field_is_a_name_or_a_place() -> None:
    assert Field.parse("input.output") == Field("input", ("output",))
    assert Field.parse("inputs") == Field("input", ("inputs",))
    assert Field.parse("[2]") == Field("input", place=2)
