"""`analysis_config.json` in."""

import json

import pytest

from watchpost.bias import BiasConfiguration, Facet, parse_configuration
from watchpost.errors import MalformedBaseline

# Contract 7.1.
GIVEN = {
    "version": "1.0",
    "headers": ["Age", "Sex", "fnlwgt", "Target"],
    "label": "Target",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "Sex", "value_or_threshold": [0]}],
    "group_variable": "Age",
}
READ = BiasConfiguration("Target", (1,), (Facet("Sex", (0,)),), "Age", ("Age", "Sex", "fnlwgt", "Target"))


def parse(**changes):
    return parse_configuration(json.dumps(GIVEN | changes), "analysis_config.json")


def test_the_contract_s_example_is_read():
    assert parse() == READ


@pytest.mark.parametrize(
    "changes",
    [
        {"label": 3, "facet": [{"name_or_index": 1, "value_or_threshold": [0]}], "group_variable": 0},
        {"label": "label", "dataset_type": "application/jsonlines"},  # where the label lies in a record
        {"methods": {"shap": {}}, "predictor": {"model_name": "m"}},
    ],
)
def test_columns_may_be_given_by_place_and_other_analyses_are_passed_over(changes):
    assert parse(**changes) == READ


def test_without_headers_columns_are_named_by_place():
    read = parse_configuration(
        '{"label": 2, "label_values_or_threshold": ["yes"], "facet": [{"name_or_index": 0}]}', "f"
    )
    assert read == BiasConfiguration("_c2", ("yes",), (Facet("_c0", None),))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"facet": []}, "facet"),
        ({"facet": [{"value_or_threshold": [0]}]}, "facet[0]"),
        ({"facet": [{"name_or_index": "Sex"}, {"name_or_index": "Sox"}]}, "facet[1].name_or_index"),
        ({"facet": [{"name_or_index": 4}]}, "facet[0].name_or_index"),
        ({"facet": [{"name_or_index": "Sex", "value_or_threshold": 0}]}, "facet[0].value_or_threshold"),
        ({"label_values_or_threshold": []}, "label_values_or_threshold"),
        ({"label_values_or_threshold": None}, "label_values_or_threshold"),
        ({"label": "Income"}, "label"),
        ({"label": -1}, "label"),
        ({"group_variable": "Ages"}, "group_variable"),
        ({"headers": [1]}, "headers[0]"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(changes, where):
    with pytest.raises(MalformedBaseline) as caught:
        parse(**changes)
    assert caught.value.where == where


@pytest.mark.parametrize("text", ["", "[]", "{", b"\xff", "null"])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(MalformedBaseline):
        parse_configuration(text, "analysis_config.json")


def test_a_byte_order_mark_is_no_fault():
    assert parse_configuration("\ufeff" + json.dumps(GIVEN), "f") == READ
