"""The decorator of a predict function."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import watchpost
from watchpost.capture import CaptureConfig, Sampling, capture_predictions
from watchpost.data.quarantine import Quarantine

from .captured import MakeWriter, records

FRAME = {"age": [31, 45], "city": ["Rome", "Oslo"]}


def sides(folder: Path) -> list[tuple[object, object]]:
    found = [record["captureData"] for record in records(folder)]
    return [tuple(json.loads(side[name]["data"]) for name in ("endpointInput", "endpointOutput")) for side in found]  # type: ignore[index, misc]  # JSON


@pytest.mark.parametrize("frame", [pd.DataFrame(FRAME), pl.DataFrame(FRAME)], ids=["pandas", "polars"])
def test_frames_become_rows_that_the_engine_reads(make: MakeWriter, folder: Path, frame: object) -> None:
    writer = make()
    predict = capture_predictions(writer)(lambda _: np.array([0.25, 0.75]))
    assert list(predict(frame)) == [0.25, 0.75]
    assert writer.flush()
    table = pl.concat(watchpost.open_dataset(folder, format="capture").batches(Quarantine()))
    assert table.select("age", "city").to_dict(as_series=False) == FRAME
    assert [0.25, 0.75] in table.to_dict(as_series=False).values()


@pytest.mark.parametrize(
    ("asked", "answered", "written"),
    [
        ({"age": 31}, {"score": 0.5}, ({"age": 31}, {"score": 0.5})),
        ([[1, 2], [3, 4]], [0, 1], ({"instances": [[1, 2], [3, 4]]}, {"predictions": [0, 1]})),
        (np.array([[1.5, 2]]), np.float32(0.5), ({"instances": [[1.5, 2]]}, {"predictions": [0.5]})),
        ('{"age": 31}', b'{"score": null}', ({"age": 31}, {"score": None})),
        ({"age": np.int64(31)}, 0.5, ({"age": 31}, {"predictions": [0.5]})),
    ],
)
def test_what_goes_in_and_comes_out_is_json(
    make: MakeWriter, folder: Path, asked: object, answered: object, written: tuple[object, object]
) -> None:
    writer = make()
    assert capture_predictions(writer)(lambda _: answered)(asked) is answered
    assert writer.flush()
    assert sides(folder) == [written]


def test_the_argument_is_captured_as_it_was_before_the_call(make: MakeWriter, folder: Path) -> None:
    writer = make()

    @capture_predictions(writer)
    def predict(row: dict[str, int]) -> int:
        return row.pop("age")

    assert predict({"age": 31}) == 31
    writer.flush()
    assert sides(folder)[0][0] == {"age": 31}


def test_ids_and_inputs_are_taken_from_the_arguments(make: MakeWriter, folder: Path) -> None:
    writer = make()

    @capture_predictions(writer, inference_id=lambda order, _: order, input=lambda _, row: row)
    def predict(order: str, row: dict[str, int]) -> float:
        return 0.5

    assert predict("order-7", {"age": 31}) == 0.5
    writer.flush()
    assert (records(folder)[0]["eventMetadata"]["inferenceId"], sides(folder)[0][0]) == ("order-7", {"age": 31})


def test_coroutine_functions_are_captured(make: MakeWriter, folder: Path) -> None:
    writer = make()

    @capture_predictions(writer)
    async def predict(row: dict[str, int]) -> float:
        await asyncio.sleep(0)
        return 0.5

    assert asyncio.run(predict({"age": 31})) == 0.5
    writer.flush()
    assert len(sides(folder)) == 1


def test_a_call_that_raises_raises_and_is_counted(make: MakeWriter) -> None:
    writer = make()

    @capture_predictions(writer)
    def predict(row: object) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        predict([1])
    assert writer.counters.incomplete == 1


def test_values_that_cannot_be_written_disturb_nobody(make: MakeWriter) -> None:
    writer, thing = make(), object()
    assert capture_predictions(writer)(lambda _: thing)(thing) is thing
    assert capture_predictions(writer)(lambda _: thing)([1]) is thing
    assert capture_predictions(writer, inference_id=lambda _: 1 / 0)(lambda _: thing)([1]) is thing  # type: ignore[arg-type, return-value]
    assert writer.counters.faults == 3


def test_sampled_out_calls_are_not_looked_at(make: MakeWriter) -> None:
    writer = make(CaptureConfig(sampling=Sampling(0.0)))
    assert capture_predictions(writer)(lambda _: 1)(object()) == 1
    assert (writer.counters.sampled_out, writer.counters.faults) == (1, 0)


def test_a_decorated_function_keeps_its_name(make: MakeWriter) -> None:
    def predict(rows: object) -> None:
        """Prices."""

    made = capture_predictions(make())(predict)
    assert (made.__name__, made.__doc__) == ("predict", "Prices.")
