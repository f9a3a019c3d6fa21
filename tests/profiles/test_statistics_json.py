"""The file `statistics.json`: nothing is lost, faults are named by their place."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import MalformedBaseline
from watchpost.profiles.baseline_json import java_double, pretty
from watchpost.profiles.statistics import (
    Bucket,
    ClassCounts,
    FeatureStatistics,
    NumericStatistics,
    Sketch,
    Statistics,
)
from watchpost.profiles.statistics_json import parse_statistics, write_statistics

UNHURRIED = settings(deadline=None)  # a busy machine is no fault of the code

GOLDEN = (
    "x9/baseline_statistics.json",
    "x9/monitoring_statistics.json",
    "sagemaker-sdk-fixtures/monitor/statistics.json",
    "sagemaker-sdk-fixtures/pipeline/quality_check_step/data_quality/statistics.json",
)

finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**53)
names = st.text(st.characters(codec="utf-8"), max_size=8)
shares = st.none() | st.floats(0, 1)


@st.composite
def numerics(draw) -> NumericStatistics:
    moments = [draw(finite) for _ in range(5)]
    buckets = draw(st.none() | st.lists(st.builds(Bucket, finite, finite, st.floats(0, 1e300)), max_size=3).map(tuple))
    levels = draw(st.none() | st.lists(st.lists(finite, max_size=5).map(np.array), max_size=3).map(tuple))
    return NumericStatistics(*moments, buckets, None if levels is None else Sketch(levels))


numeric_features = st.builds(
    FeatureStatistics,
    name=names,
    inferred_type=st.sampled_from(("Integral", "Fractional")),
    present=counts,
    missing=counts,
    distinct=st.none() | counts.map(float),
    completeness=shares,
    numeric=st.none() | numerics(),
)
text_features = st.builds(
    FeatureStatistics,
    name=names,
    inferred_type=st.just("String"),
    present=counts,
    missing=counts,
    distinct=st.none() | st.floats(0, 1e300),
    completeness=shares,
    categories=st.none() | st.dictionaries(names, counts, max_size=4),
)
tables = st.builds(
    Statistics,
    item_count=counts,
    features=st.lists(numeric_features | text_features, max_size=4, unique_by=lambda f: f.name).map(tuple),
    version=finite,
)


@UNHURRIED
@given(tables)
def test_what_is_written_is_read_back_the_same(table):
    assert parse_statistics(write_statistics(table), "statistics.json") == table


@UNHURRIED
@given(st.floats())
def test_java_notation_of_a_number_is_that_number(number):
    read = float(java_double(number))
    assert read == number or (math.isnan(read) and math.isnan(number))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@UNHURRIED
@given(json_values)
def test_pretty_text_means_the_same_as_its_tree(tree):
    assert json.loads(pretty(tree)) == tree


@UNHURRIED
@given(st.dictionaries(st.text(min_size=1).map("x-".__add__), json_values, max_size=3))
def test_unknown_fields_come_back_at_their_places(extra):
    file = {
        "version": 0.0,
        "dataset": {"item_count": 3, **extra},
        "features": [
            {
                "name": "age",
                "inferred_type": "Integral",
                "numerical_statistics": {
                    "common": {"num_present": 3, "num_missing": 0, **extra},
                    "mean": 2.0,
                    "sum": 6.0,
                    "std_dev": 0.8,
                    "min": 1.0,
                    "max": 3.0,
                    "distribution": {
                        "kll": {
                            "buckets": [{"lower_bound": 1.0, "upper_bound": 3.0, "count": 3.0, **extra}],
                            "sketch": {"parameters": {"c": 0.64, "k": 2048.0, **extra}, "data": [[1.0, 2.0, 3.0]]},
                        }
                    },
                },
                **extra,
            }
        ],
        **extra,
    }
    assert json.loads(write_statistics(parse_statistics(json.dumps(file), "s"))) == file


@pytest.mark.parametrize("name", GOLDEN)
def test_recorded_files_survive_reading_and_writing(shared: Path, name):
    text = (shared / "golden" / name).read_text()
    assert json.loads(write_statistics(parse_statistics(text, name))) == json.loads(text)


def test_layout_is_the_originals_byte_for_byte(shared: Path):
    text = (shared / "golden" / GOLDEN[3]).read_text()
    assert write_statistics(parse_statistics(text, GOLDEN[3])) == text


def test_features_made_from_data_are_written_in_the_newest_form():
    number = FeatureStatistics(
        "n", "Integral", 3, 1, 2.0, None, NumericStatistics(1, 3, 0, 1, 1), None, ClassCounts(integral=3)
    )
    text = FeatureStatistics("t", "String", 4, 0, 300.0, None, None, None, ClassCounts(string=4))
    nothing = FeatureStatistics("u", "Unknown", 0, 4, classes=ClassCounts())
    written = json.loads(write_statistics(Statistics(4, (number, text, nothing))))["features"]
    assert written[0]["numerical_statistics"]["approximate_num_distinct_values"] == 2
    assert written[0]["numerical_statistics"]["completeness"] == 0.75
    assert written[1]["string_statistics"] == {
        "common": {"num_present": 4, "num_missing": 0},
        "distinct_count": 300.0,
        "completeness": 1.0,
    }
    assert written[2] == {"name": "u", "inferred_type": "Unknown"}


def test_a_column_of_unknown_type_has_every_row_missing():
    text = '{"dataset": {"item_count": 7}, "features": [{"name": "u", "inferred_type": "Unknown"}]}'
    assert parse_statistics(text, "s").features[0].missing == 7


NUMBER = {
    "name": "a",
    "inferred_type": "Fractional",
    "numerical_statistics": {
        "common": {"num_present": 2, "num_missing": 0},
        "mean": "NaN",
        "sum": "Infinity",
        "std_dev": math.nan,
        "min": -math.inf,
        "max": 1,
        "distribution": {"kll": {"sketch": {"data": [["NaN", 1, 2.5]]}}},
    },
}


def test_numbers_that_json_lacks_are_read_and_left_out_of_the_sketch():
    table = parse_statistics(json.dumps({"dataset": {"item_count": 2}, "features": [NUMBER]}).encode(), "s")
    numeric = table.features[0].numeric
    assert numeric is not None
    assert math.isnan(numeric.mean)
    assert (numeric.sum, numeric.min, numeric.max) == (math.inf, -math.inf, 1.0)
    assert numeric.sketch == Sketch((np.array([1.0, 2.5]),))
    assert '"mean" : "NaN"' in write_statistics(table)


@pytest.mark.parametrize(
    ("path", "value", "where", "expected"),
    [
        (("dataset",), 3, "dataset", "an object"),
        (("dataset", "item_count"), -1, "dataset.item_count", "whole number of at least 0"),
        (("dataset", "item_count"), True, "dataset.item_count", "whole number"),
        (("features",), {}, "features", "list of objects"),
        (("features", 0), 1, "features[0]", "an object"),
        (("features", 0, "inferred_type"), "Text", "features[0].inferred_type", "'Integral'"),
        (("features", 0, "numerical_statistics"), None, "features[0].numerical_statistics", "Fractional"),
        (("features", 0, "numerical_statistics", "mean"), "1,5", "features[0].numerical_statistics.mean", "a number"),
        (
            ("features", 0, "numerical_statistics", "distribution", "kll", "sketch", "data"),
            [[1.0], [2.0, "x"]],
            "features[0].numerical_statistics.distribution.kll.sketch.data[1][1]",
            "a number",
        ),
    ],
)
def test_a_fault_is_named_by_its_place_and_what_belongs_there(path, value, where, expected):
    file = json.loads(json.dumps({"dataset": {"item_count": 2}, "features": [NUMBER]}))
    parent = file
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    with pytest.raises(MalformedBaseline, match=expected) as caught:
        parse_statistics(json.dumps(file), "old/statistics.json")
    assert caught.value.where == where
    assert "old/statistics.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff\xfe\xfa", "[" * 100_000, '{"a": 1} x'])
def test_text_that_is_no_statistics_is_refused_as_such(text):
    with pytest.raises(MalformedBaseline):
        parse_statistics(text, "s")


@UNHURRIED
@given(st.binary(max_size=40) | st.text(max_size=40))
def test_no_text_whatever_ends_in_another_error(text):
    with pytest.raises(MalformedBaseline):
        parse_statistics(text, "s")


def test_a_second_feature_of_the_same_name_is_refused():
    file = {"dataset": {"item_count": 2}, "features": [NUMBER, NUMBER]}
    with pytest.raises(MalformedBaseline, match="second feature is named 'a'"):
        parse_statistics(json.dumps(file), "s")


def test_sketches_are_equal_by_content_and_show_their_sizes():
    sketch = Sketch((np.arange(3.0), np.array([7.0])))
    assert sketch == Sketch((np.arange(3.0), np.array([7.0])))
    assert sketch != replace(sketch, levels=(np.arange(3.0), np.array([8.0])))
    assert sketch.weight == 5
    assert repr(sketch) == "Sketch(k=2048.0, c=0.64, level_sizes=(3, 1))"
