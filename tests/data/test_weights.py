"""Sampling weights: from the capture line to a column, relative ones, and plain samples drawn by them."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from watchpost.capture.sampling import PROBABILITY_ATTRIBUTE, inclusion_probability
from watchpost.data.capture import CaptureFiles
from watchpost.data.columns_left_out import without
from watchpost.data.dataset import Dataset
from watchpost.data.frames import Frame
from watchpost.data.preprocessing import Preprocessed
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import find_sources
from watchpost.data.uniform import read_uniform
from watchpost.data.weights import (
    PROBABILITY_PREFIX,
    WEIGHT,
    Relative,
    Resample,
    Tallied,
    WeightSums,
    carrying,
    probability_text,
    relative,
    resampled,
    weight_of,
    with_weights,
)

probabilities = st.floats(1e-6, 1.0, allow_subnormal=False)


def line(asked: str, *attributes: str, answered: str = "0.5", encoding: str = "CSV") -> bytes:
    record = {
        "captureData": {
            "endpointInput": {"data": asked, "encoding": encoding},
            "endpointOutput": {"data": answered, "encoding": "CSV"},
        },
        "eventMetadata": {"eventId": asked[:5], "customAttributes": list(attributes)},
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def probable(p: float) -> str:
    return f"{PROBABILITY_PREFIX}{p!r}"


def captured(folder: Path, lines: list[bytes]) -> CaptureFiles:
    (folder / "capture.jsonl").write_bytes(b"".join(lines))
    return CaptureFiles(find_sources(folder / "capture.jsonl"))


def only(dataset: Dataset) -> tuple[pl.DataFrame, Quarantine]:
    quarantine = Quarantine()
    return pl.concat(list(dataset.batches(quarantine)), how="diagonal"), quarantine


@dataclass(frozen=True)
class Batches:
    """Batches in memory, as a reader gives them."""

    parts: tuple[pl.DataFrame, ...]
    name: str = "batches"

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        del quarantine
        yield from self.parts

    def weighted(self) -> "Batches":
        return self


def weighted(weights: list[float], size: int = 7) -> Batches:
    parts = [weights[start : start + size] for start in range(0, len(weights), size)]
    rows = iter(range(len(weights)))
    frames = [pl.DataFrame({"row": [next(rows) for _ in part]}) for part in parts]
    return Batches(tuple(carrying(frame, part) for frame, part in zip(frames, parts, strict=True)))


# --- laws -----------------------------------------------------------------------------------------------------------


@given(p=probabilities)
def test_what_capture_writes_is_what_readers_find(p: float) -> None:
    assert f"{PROBABILITY_ATTRIBUTE}=" == PROBABILITY_PREFIX
    attributes = ["session=7", probable(p)]
    assert weight_of(probability_text(attributes)) == 1 / inclusion_probability(attributes)


@given(st.lists(probabilities, min_size=1, max_size=20))
def test_alike_lines_with_weights_are_read_fast_and_as_line_by_line(found: list[float]) -> None:
    lines = [line(f"{place},7.5", "k=v", probable(p)) for place, p in enumerate(found)]
    block = read_uniform(b"".join(lines), len(lines))
    assert block is not None
    assert block.weights is not None
    assert block.weights.to_list() == [1 / p for p in found]


@given(st.lists(st.sampled_from([1.0, 0.1, 0.25]), min_size=1, max_size=20))
def test_reading_fast_gives_the_rows_and_weights_of_reading_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, found: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("read")
    lines = [line(f"{place},7.5", probable(p)) for place, p in enumerate(found)]
    fast, _ = only(captured(folder, lines).weighted())
    # A line that says the same in another order makes the block unfit for the fast way.
    odd = lines[0].replace(b'"data":"0.5","encoding":"CSV"', b'"encoding":"CSV","data":"0.5"')
    slow, _ = only(captured(folder, [odd, *lines[1:]]).weighted())
    assert_frame_equal(fast, slow)
    events, _ = only(captured(folder, lines).by_event().weighted())
    weights = fast[WEIGHT].to_list() if WEIGHT in fast.columns else [1.0] * fast.height
    assert weights == [1 / p for p in found]
    assert (events[WEIGHT].to_list() if WEIGHT in events.columns else [1.0] * events.height) == weights


@given(st.floats(0.001, 1000), st.integers(1, 40))
def test_records_that_all_weigh_alike_are_plain_records(weight: float, rows: int) -> None:
    for batch in relative(weighted([weight] * rows)).batches(Quarantine()):
        assert batch.columns == ["row"]
    tallied = Tallied(weighted([weight] * rows))
    list(tallied.batches(Quarantine()))
    assert tallied.alike
    assert math.isclose(tallied.sums.effective_rows, rows)


@given(st.lists(st.floats(1, 50), min_size=1, max_size=60))
def test_relative_weights_are_weights_over_the_first(weights: list[float]) -> None:
    read = pl.concat(list(Relative(weighted(weights)).batches(Quarantine())), how="diagonal")
    found = read[WEIGHT].fill_null(1.0).to_list() if WEIGHT in read.columns else [1.0] * len(weights)
    assert found == pytest.approx([weight / weights[0] for weight in weights])


@given(st.lists(st.sampled_from([1.0, 2.0, 10.0, 33.0]), min_size=2, max_size=60), st.floats(0, 0.999))
def test_a_resample_holds_every_record_as_often_as_its_weight_says_to_the_next_whole_number(
    weights: list[float], start: float
) -> None:
    tallied = Tallied(weighted(weights))
    list(tallied.batches(Quarantine()))
    copies = tallied.copies()
    drawn = pl.concat(
        [
            pl.DataFrame({"row": pl.Series([], dtype=pl.Int64)}),
            *Resample(weighted(weights), copies, start).batches(Quarantine()),
        ]
    )
    times = np.bincount(drawn["row"].to_numpy(), minlength=len(weights))
    assert (np.abs(times - copies * np.array(weights)) < 1 + 1e-9).all()
    assert abs(times.sum() - copies * sum(weights)) <= 1 + 1e-9
    assert copies * sum(weights) <= tallied.sums.effective_rows * (1 + 1e-6) or tallied.alike


def test_every_record_is_drawn_as_often_on_average_as_its_weight_says() -> None:
    # Over all starts: a start is uniform in [0, 1), and copies are a step function of it.
    weights = [1.0, 10.0, 10.0, 1.0, 2.5, 10.0, 1.0]
    starts = (np.arange(20_000) + 0.5) / 20_000
    times = np.zeros(len(weights))
    for copies in (0.1, 0.37):
        ends = starts[:, None] + np.concatenate(([0.0], np.cumsum(weights))) * copies
        times = np.diff(np.floor(ends), axis=1).mean(axis=0)
        assert times == pytest.approx(copies * np.array(weights), abs=1e-3)
        drawn = pl.concat(list(Resample(weighted(weights), copies, 0.25).batches(Quarantine())))
        by_formula = np.diff(np.floor(0.25 + np.concatenate(([0.0], np.cumsum(weights))) * copies))
        assert np.bincount(drawn["row"].to_numpy(), minlength=len(weights)).tolist() == by_formula.tolist()


@pytest.mark.parametrize(
    "strata",
    [((9500, 10.0), (5000, 1.0)), ((9900, 1.0), (10, 100.0)), ((300, 4.0), (500, 1.0), (50, 20.0)), ((1000, 1.0),)],
)
def test_a_resample_claims_no_more_rows_than_its_variance_allows(strata: tuple[tuple[int, float], ...]) -> None:
    """The mean of a resample varies by at most a tenth more than that of a plain sample of its rows."""
    rng = np.random.default_rng(3)
    weights = np.concatenate([np.full(rows, weight) for rows, weight in strata])
    tallied = Tallied(weighted(rng.permutation(weights).tolist(), 4096))
    list(tallied.batches(Quarantine()))
    copies = tallied.copies() if not tallied.alike else 1.0
    size = copies * weights.sum()
    # Of values of variance 1: the weighted estimate has 1 / effective rows, and rounding adds f (1 - f) of each record.
    odd = copies * weights % 1.0
    assert 1 / tallied.sums.effective_rows + (odd * (1 - odd)).sum() / size**2 <= 1.1 / size * (1 + 1e-6)


# --- known answers --------------------------------------------------------------------------------------------------


def test_kishs_effective_size_of_two_strata() -> None:
    # Kish 1965, 11.7: (sum w)² / sum w² = (10·10 + 10·1)² / (10·100 + 10·1).
    sums = WeightSums().plus(np.array([10.0] * 10)).plus(np.ones(10))
    assert sums.effective_rows == pytest.approx(110**2 / 1010)


@pytest.mark.parametrize("text", ["0", "-0.5", "2", "nan", "inf", "", "1e-400", "0.1 ", "often", "1e-320"])
def test_a_probability_that_is_none_quarantines_its_record(tmp_path: Path, text: str) -> None:
    good = line("1,2", probable(0.5))
    bad = line("3,4", f"{PROBABILITY_PREFIX}{text}")
    for lines in ([good, bad], [bad]):
        dataset = captured(tmp_path, lines)
        for reading in (dataset, dataset.weighted(), dataset.by_event(), dataset.by_event().weighted()):
            quarantine = Quarantine()
            assert sum(batch.height for batch in reading.batches(quarantine)) == len(lines) - 1
            (record,) = quarantine.summary().first
            assert record.reason == (
                f"no inclusion probability: watchpost-inclusion-probability is {text!r}, expected a number above 0 and "
                "at most 1"
            )


@pytest.mark.parametrize("attributes", [None, "k=v", {}, [1, None], [], ["watchpost-inclusion-probability"]])
def test_whatever_else_stands_among_custom_attributes_is_no_weight(attributes: object) -> None:
    assert probability_text(attributes) is None
    assert weight_of(None) == 1.0


def test_weights_are_asked_for_and_are_no_column_otherwise(tmp_path: Path) -> None:
    dataset = captured(tmp_path, [line("1,2", probable(0.1)), line("3,4", probable(1.0))])
    assert only(dataset)[0].columns == ["_c0", "_c1", "_c2"]
    frame, _ = only(with_weights(dataset))
    assert frame.columns == ["_c0", "_c1", "_c2", WEIGHT]
    assert frame[WEIGHT].to_list() == [10.0, 1.0]


def test_records_that_say_nothing_weigh_one_beside_those_that_do(tmp_path: Path) -> None:
    frame, _ = only(captured(tmp_path, [line("1,2"), line("3,4", probable(0.25))]).weighted())
    assert frame[WEIGHT].to_list() == [1.0, 4.0]
    assert WEIGHT not in only(captured(tmp_path, [line("1,2"), line("3,4", probable(1.0))]).weighted())[0].columns


def test_what_a_client_sends_under_that_name_is_no_weight(tmp_path: Path) -> None:
    asked = json.dumps({WEIGHT: 1000, "age": 3})
    frame, _ = only(captured(tmp_path, [line(asked, probable(0.5), encoding="JSON")]).weighted())
    assert (frame[WEIGHT].to_list(), frame[f"{WEIGHT}#2"].to_list()) == ([2.0], [1000])
    assert with_weights(Frame({WEIGHT: [3.0]})).batches is not None
    assert relative(table := Frame({WEIGHT: [3.0]})) is table


def test_a_dataset_without_some_columns_keeps_its_weights(tmp_path: Path) -> None:
    dataset = captured(tmp_path, [line("1,2", probable(0.1)), line("3,4", probable(1.0))])
    frame, _ = only(with_weights(without(dataset, ["1"])))
    assert frame.columns == ["_c0", "_c2", WEIGHT]


def test_rows_that_a_script_makes_have_the_weight_of_their_record(tmp_path: Path) -> None:
    dataset = captured(tmp_path, [line("1,2", probable(0.1)), line("3,4", probable(1.0)), line("5", probable(9.0))])

    def preprocess_handler(record: object) -> list[dict[str, str]]:
        text: str = record.endpoint_input.data  # type: ignore[attr-defined]  # a script's record is a namespace
        return [{"cell": cell} for cell in text.split(",")]

    frame, quarantine = only(with_weights(Preprocessed(find_sources(tmp_path), preprocess_handler, None)))
    assert frame.rows() == [(1, 10.0), (2, 10.0), (3, 1.0), (4, 1.0)]
    assert quarantine.total == 1
    assert dataset.name


def test_a_dataset_whose_records_weigh_alike_is_its_own_resample() -> None:
    table = weighted([2.0, 2.0])
    tallied = Tallied(table)
    list(tallied.batches(Quarantine()))
    assert resampled(table, tallied, np.random.default_rng(0)) is table
