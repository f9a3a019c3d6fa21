"""Attributes find their columns by name, index or path, and cells are read as what they mean."""

import numpy as np
import polars as pl
import pytest

from watchpost.data.flatten import flatten_frame
from watchpost.errors import InputError
from watchpost.quality.attributes import Attributes, class_names, find_columns, select_outcomes
from watchpost.quality.evaluation import Evaluation, evaluate

MERGED = pl.DataFrame(
    {
        "event_id": ["a", "b"],
        "event_row": [0, 0],
        "_c0": [1, 0],
        "_c1": [0.9, 0.2],
        "_c2": [7.5, 8.5],
        "groundTruthData_0": [1, 1],
    }
)


@pytest.mark.parametrize(
    ("attribute", "column"),
    [
        ("_c1", "_c1"),
        ("1", "_c1"),
        ("score", "endpointOutput_score"),
        ("$.p.value", "p.value"),
        ("p.value", "p.value"),
        ("predictions[0].score", "predictions[0].score"),
        ('"odd name".b', "odd name.b"),
        ("$['odd name'].b", "odd name.b"),
        ("9", None),
        ("nothing", None),
    ],
)
def test_an_attribute_finds_one_column(attribute, column):
    columns = ["event_id", "_c0", "_c1", "endpointOutput_score", "p.value", "predictions[0].score", "odd name.b"]
    assert find_columns(columns, attribute) == (() if column is None else (column,))


@pytest.mark.parametrize("attribute", ["p", "p[]", "p[*]", "$.p[*]"])
def test_a_list_stands_for_its_elements_in_order(attribute):
    columns = [f"p[{i}]" for i in (10, 2, 0, 1)]
    assert find_columns(columns, attribute) == ("p[0]", "p[1]", "p[2]", "p[10]")


def test_names_of_lists_are_those_of_flattened_frames():
    nested = pl.DataFrame({"answer": [{"scores": [0.1, 0.9]}]})
    assert find_columns(flatten_frame(nested).columns, "answer.scores") == ("answer.scores[0]", "answer.scores[1]")


def test_index_counts_output_columns_and_truth_has_an_index_of_its_own():
    attributes = Attributes("BinaryClassification", probability="1", ground_truth="0")
    rows = select_outcomes(MERGED, attributes).rows
    assert rows["label"].to_list() == [True, True]
    assert rows["probability"].to_list() == [0.9, 0.2]


def test_only_truth_is_found_without_being_named():
    assert select_outcomes(MERGED, Attributes("BinaryClassification", inference="0")).rows["label"].to_list() == [
        True,
        True,
    ]


def test_missing_attribute_is_refused_with_the_columns_there_are():
    with pytest.raises(InputError, match=r"probability_attribute 'score' finds no column. There are 6: event_id"):
        select_outcomes(MERGED, Attributes("BinaryClassification", probability="score"))


def test_list_where_one_column_is_needed_is_refused():
    frame = pl.DataFrame({"p[0]": [0.1], "p[1]": [0.9], "y": [1]})
    with pytest.raises(InputError, match=r"is a list of 2 elements. Name one of them, e.g. 'p\[1\]'"):
        select_outcomes(frame, Attributes("BinaryClassification", probability="p", ground_truth="y"))


@pytest.mark.parametrize(
    "labels", [[1, 0], [1.0, 0.0], [True, False], ["1", "0"], ["1.0", "0.0"], ["True", "False"], [" 1 ", "0"]]
)
def test_positive_is_one_however_it_is_written(labels):
    frame = pl.DataFrame({"p": [0.9, 0.1], "y": labels})
    rows = select_outcomes(frame, Attributes("BinaryClassification", probability="p", ground_truth="y")).rows
    assert rows["label"].to_list() == [True, False]


def test_another_positive_label_can_be_named():
    frame = pl.DataFrame({"p": [0.9, 0.1], "y": ["yes", "no"]})
    named = Attributes("BinaryClassification", probability="p", ground_truth="y", positive="yes")
    assert select_outcomes(frame, named).rows["label"].to_list() == [True, False]


def test_rows_that_cannot_be_judged_are_left_out_and_counted():
    frame = pl.DataFrame({"p": [0.9, None, 0.3, float("nan"), 0.2], "y": ["1", "0", "maybe", "1", None]})
    outcomes = select_outcomes(frame, Attributes("BinaryClassification", probability="p", ground_truth="y"))
    assert (outcomes.rows.height, outcomes.unusable) == (1, 4)


def test_threshold_decides_when_it_is_given():
    frame = pl.DataFrame({"p": [0.6], "c": [1], "y": [1]})
    word = Attributes("BinaryClassification", inference="c", probability="p", ground_truth="y")
    strict = Attributes("BinaryClassification", inference="c", probability="p", ground_truth="y", threshold=0.7)
    assert (evaluate(frame, word).value("recall"), evaluate(frame, strict).value("recall")) == (1, 0)


def test_classes_stored_as_floats_meet_classes_stored_as_text():
    """The original answered 0.0 for every metric then (sagemaker-python-sdk issue 2953)."""
    frame = pl.DataFrame({"p": ["1", "2", "3"], "y": [1.0, 2.0, 2.0]})
    figures = evaluate(frame, Attributes("MulticlassClassification", inference="p", ground_truth="y"))
    assert figures.value("accuracy") == pytest.approx(2 / 3)


def test_class_names_drop_an_empty_fraction_only():
    assert class_names(pl.Series(["1.0", "2.50", " a.0b "])).to_list() == ["1", "2.50", "a.0b"]
    assert class_names(pl.Series([1.0, None, 2.5])).to_list() == ["1", None, "2.5"]


def test_multiclass_answer_is_the_largest_probability():
    frame = pl.DataFrame({"p": [[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]], "y": ["dog", "owl"]})
    attributes = Attributes(
        "MulticlassClassification", probability="p", ground_truth="y", classes=("cat", "dog", "owl")
    )
    rows = select_outcomes(flatten_frame(frame), attributes).rows
    assert rows["prediction"].to_list() == ["dog", "cat"]
    figures = evaluate(flatten_frame(frame), attributes)
    assert figures.value("log_loss") == pytest.approx(-(np.log(0.7) + np.log(0.4)) / 2)


def test_weights_are_taken_from_their_column_and_never_negative():
    frame = pl.DataFrame({"p": [1.0, 2.0, 9.0], "y": [0.0, 0.0, 0.0], "w": [3.0, 1.0, -1.0]})
    attributes = Attributes("Regression", inference="p", ground_truth="y", weight="w")
    figures = evaluate(frame, attributes)
    assert (figures.rows, figures.value("mae")) == (2, 1.25)


@pytest.mark.parametrize(
    "attributes",
    [
        Attributes("Regression", inference="a", ground_truth="y"),
        Attributes("BinaryClassification", probability="a", ground_truth="y"),
        Attributes("MulticlassClassification", inference="y", ground_truth="y"),
    ],
    ids=lambda a: a.problem_type,
)
def test_evaluations_of_two_windows_merge_into_one(attributes):
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"a": rng.random(60), "y": rng.integers(0, 2, 60)})
    first, second, empty = (Evaluation(attributes) for _ in range(3))
    first.update(frame.head(20), rng)
    second.update(frame.tail(40), rng)
    merged = empty.merge(first).merge(second).figures()
    whole = evaluate(frame, attributes)
    assert {m.name: pytest.approx(m.value) for m in whole.metrics if m.value is not None} == {
        m.name: m.value for m in merged.metrics if m.value is not None
    }
