"""What was known of the labels at any instant, whatever came late, twice, corrected or withdrawn."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.data.labels import join_key, join_labels
from watchpost.data.ledger import LabelLedger
from watchpost.quality.attributes import Attributes
from watchpost.quality.evaluation import evaluate

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVENTS = ("a", "b", "c", "d")
ATTRIBUTES = Attributes("Regression", inference="score", ground_truth="label")

words = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, 20), st.none() | st.integers(-5, 5)),
    max_size=25,
    unique_by=lambda word: word[:2],
)
"""Event, minutes after noon, label or None for a withdrawal; an event has one word at an instant."""


def minutes(count):
    return NOON + timedelta(minutes=count)


def ledger_of(said) -> LabelLedger:
    ledger = LabelLedger()
    for event, minute, label in said:
        if label is None:
            ledger.withdraw([event], minutes(minute))
        else:
            ledger.record(pl.DataFrame({"event_id": [event], "label": [label]}), minutes(minute))
    return ledger


def known(said, minute) -> dict[str, int | None]:
    """The batch answer: every event's word with the latest instant up to that minute."""
    latest: dict[str, tuple[int, int | None]] = {}
    for event, at, label in said:
        if at <= minute and (event not in latest or at > latest[event][0]):
            latest[event] = (at, label)
    return {event: label for event, (_, label) in latest.items()}


def answered(ledger, minute) -> dict[str, int | None]:
    frame = ledger.as_of(minutes(minute))
    labels = frame["label"] if "label" in frame.columns else [None] * frame.height
    return dict(zip(frame["event_id"], labels, strict=True))


@given(words, st.data(), st.integers(-1, 21))
def test_labels_as_of_an_instant_are_those_of_a_batch_whatever_the_order(said, data, minute):
    shuffled = data.draw(st.permutations(said))
    repeated = data.draw(st.lists(st.sampled_from(said), max_size=5)) if said else []
    assert answered(ledger_of([*shuffled, *repeated]), minute) == known(said, minute)


@given(words, st.data(), st.integers(-1, 21))
def test_quality_as_of_an_instant_is_that_of_the_labels_known_then(said, data, minute):
    predictions = pl.DataFrame({"event_id": EVENTS, "score": [1.0, -2.0, 0.5, 3.0]})
    ledger = ledger_of(data.draw(st.permutations(said)))
    labelled = join_labels(predictions, ledger.as_of(minutes(minute)))
    truth = {event: label for event, label in known(said, minute).items() if label is not None}
    batch = predictions.filter(pl.col("event_id").is_in(list(truth)))
    batch = batch.with_columns(pl.Series("label", [truth[e] for e in batch["event_id"]], dtype=pl.Int64))
    assert labelled.coverage.labelled == len(truth)
    if truth:
        assert evaluate(labelled.rows, ATTRIBUTES) == evaluate(batch, ATTRIBUTES)


@given(words, st.integers(0, 25), st.integers(-1, 21))
def test_ledgers_merge_into_one_that_heard_everything(said, cut, minute):
    merged = reduce(LabelLedger.merge, [ledger_of(said[:cut]), LabelLedger(), ledger_of(said[cut:])])
    assert answered(merged, minute) == known(said, minute)


@given(words, st.integers(-1, 21), st.integers(0, 10))
def test_forgetting_changes_nothing_from_that_instant_on(said, minute, later):
    ledger = ledger_of(said)
    kept = ledger.forget_before(minutes(minute))
    assert answered(kept, minute + later) == answered(ledger, minute + later)


@given(words)
def test_nothing_changes_between_the_instants_of_a_ledger(said):
    ledger = ledger_of(said)
    assert ledger.instants() == tuple(sorted({minutes(at) for _, at, _ in said}))
    own = ledger.instants(pl.Series(["a"]))
    assert own == tuple(sorted(minutes(at) for event, at, _ in said if event == "a"))


def test_revisions_tell_what_was_said_and_leave_out_repetitions():
    said = [("a", 3, 1), ("a", 1, 0), ("a", 2, 0), ("a", 5, None), ("b", 1, 7)]
    revisions = ledger_of(said).revisions("a")
    assert [(r.observed_at, r.rows, r.withdrawn) for r in revisions] == [
        (minutes(1), ((("label", 0),),), False),
        (minutes(3), ((("label", 1),),), False),
        (minutes(5), (), True),
    ]


def test_of_two_words_at_one_instant_the_later_recorded_holds():
    assert answered(ledger_of([("a", 1, 4), ("a", 1, 5)]), 2) == {"a": 5}
    twice = LabelLedger()
    twice.record(pl.DataFrame({"event_id": ["a", "a"], "label": [4, 5]}), NOON)
    assert answered(twice, 0) == {"a": 5}


def test_numbered_words_of_one_instant_hold_in_their_order():
    ledger = LabelLedger()
    for number, label in ((2, 5), (1, 4)):
        ledger.record(pl.DataFrame({"event_id": ["a"], "label": [label]}), NOON, sequence=number)
    assert answered(ledger, 0) == {"a": 5}


def test_a_correction_replaces_all_rows_of_an_event():
    ledger = LabelLedger()
    ledger.record(pl.DataFrame({"event_id": ["a"] * 3, "event_row": [0, 1, 2], "label": [1, 2, 3]}), NOON)
    ledger.record(pl.DataFrame({"event_id": ["a"] * 2, "event_row": [0, 1], "label": [8, 9]}), minutes(1))
    assert ledger.as_of(minutes(1)).sort("event_row")["label"].to_list() == [8, 9]
    assert ledger.as_of(NOON).height == 3


def test_labels_that_change_their_type_become_text():
    ledger = LabelLedger()
    ledger.record(pl.DataFrame({"event_id": ["a"], "label": [1]}), NOON)
    ledger.record(pl.DataFrame({"event_id": ["b"], "label": ["maybe"]}), NOON)
    assert dict(ledger.as_of(NOON).select("event_id", "label").rows()) == {"a": "1", "b": "maybe"}


def test_an_instant_without_offset_is_refused():
    with pytest.raises(ValueError, match="must be aware"):
        LabelLedger().as_of(datetime(2026, 11, 20))  # noqa: DTZ001  the mistake under test


def test_inference_id_is_the_key_where_there_is_one():
    assert join_key(["i", None, ""], ["x", "y", "z"]).to_list() == ["i", "y", "z"]


def test_coverage_counts_labelled_withdrawn_and_ambiguous_predictions():
    predictions = pl.DataFrame({"event_id": ["a", "b", "c", "c", None], "_c0": [1, 2, 3, 4, 5]})
    ledger = LabelLedger()
    ledger.record(pl.DataFrame({"event_id": ["a", "b", "c", "z"], "_c0": [1, 0, 1, 0]}), NOON)
    ledger.withdraw(["b"], minutes(1))
    labelled = join_labels(predictions, ledger.as_of(minutes(2)))
    assert labelled.rows["_c0"].to_list() == [1, 3, 4]
    assert labelled.rows["groundTruthData_0"].to_list() == [1, 1, 1]
    coverage = labelled.coverage
    assert (coverage.predictions, coverage.labelled, coverage.withdrawn, coverage.ambiguous) == (5, 3, 1, 2)
    assert coverage.labelled_share == 0.6


def test_rows_of_one_record_meet_the_labels_of_their_places():
    predictions = pl.DataFrame({"event_id": ["a", "a"], "event_row": [0, 1], "score": [0.1, 0.2]})
    ledger = LabelLedger()
    ledger.record(pl.DataFrame({"event_id": ["a", "a"], "event_row": [0, 1], "label": [7, 8]}), NOON)
    assert join_labels(predictions, ledger.as_of(NOON)).rows["groundTruthData_label"].to_list() == [7, 8]
