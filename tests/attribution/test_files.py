"""The files of an explainability monitor: nothing in them is lost, and what is wrong in them is named by its place."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.attribution import (
    Analysis,
    AnalysisConfig,
    AttributionViolation,
    Explanation,
    LabelAttribution,
    ModelMetadata,
    differences,
    parse_analysis,
    parse_attributions,
    parse_config,
    parse_metadata,
    parse_violations,
    write_analysis,
    write_attributions,
    write_config,
    write_metadata,
    write_violations,
)
from watchpost.attribution.errors import UnfitRows
from watchpost.errors import MalformedBaseline

names = st.text(min_size=1, max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
cells = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), numbers, names)
counts = st.integers(0, 10**9)

labels = st.builds(
    lambda label, values, expected: LabelAttribution(label, tuple(values), tuple(values.values()), expected),
    names,
    st.dictionaries(names, numbers, min_size=1, max_size=5),
    st.none() | numbers,
)
rows = st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), max_size=3).map(tuple))


@given(found=st.lists(labels, max_size=3, unique_by=lambda label: label.label).map(tuple))
def test_analysis_json_gives_back_what_was_written(found):
    assert parse_analysis(write_analysis(Analysis(found)), "analysis.json") == Analysis(found)


def test_the_contracts_analysis_json():
    text = """{"version":"1.0","explanations":{"kernel_shap":{"label0":{
        "global_shap_values":{"co":0.0365,"isBadAir":0.0113},"expected_value":0.17167794704437256}}}}"""
    analysis = parse_analysis(text, "analysis.json")
    assert analysis.labels == (LabelAttribution("label0", ("co", "isBadAir"), (0.0365, 0.0113), 0.17167794704437256),)
    assert json.loads(write_analysis(analysis)) == json.loads(text)


def test_what_else_an_analysis_json_holds_comes_back_in_its_place(shared: Path):
    path = shared / "golden/sagemaker-sdk-fixtures/model_card/evaluation_metrics/clarify_explanability.json"
    text = path.read_text()
    analysis = parse_analysis(text, str(path))
    assert [label.label for label in analysis.labels] == ["label0", "label1"]
    assert json.loads(write_analysis(analysis)) == json.loads(text)


def test_bias_metrics_in_the_same_file_are_kept():
    text = '{"version": "1.0", "pre_training_bias_metrics": {"label": "Target", "facets": {"Sex": []}}}'
    analysis = parse_analysis(text, "analysis.json")
    assert analysis.labels == ()
    assert json.loads(write_analysis(analysis)) == json.loads(text)


@pytest.mark.parametrize(
    ("label", "where"),
    [
        ('{"global_shap_values": {"a": "high"}}', "explanations.kernel_shap.label0.global_shap_values.a"),
        ('{"global_shap_values": [1]}', "explanations.kernel_shap.label0.global_shap_values"),
        ("{}", "explanations.kernel_shap.label0.global_shap_values"),
        ("3", "explanations.kernel_shap.label0"),
        ("null", "explanations.kernel_shap.label0"),
    ],
)
def test_a_fault_of_analysis_json_is_named_by_its_place(label, where):
    with pytest.raises(MalformedBaseline) as refused:
        parse_analysis(f'{{"explanations": {{"kernel_shap": {{"label0": {label}}}}}}}', "analysis.json")
    assert refused.value.where == where


CONFIG = """{"version":"1.0","headers":["f1","f2","f3"],
 "methods":{"shap":{"baseline":[[0.44,"red",null]],"num_samples":100,"agg_method":"mean_sq","use_logit":false,
                    "save_local_shap_values":true, "seed": 7}},
 "predictor":{"model_name":"my_model","instance_type":"ml.m5.xlarge","initial_instance_count":1,
   "content_type":"text/csv","accept_type":"text/csv","content_template":"{\\"features\\":$features}","label_headers":["yes"]}}"""


def test_the_contracts_analysis_config():
    config = parse_config(CONFIG, "analysis_config.json")
    assert config.baseline == ((0.44, "red", None),)
    assert (config.num_samples, config.aggregation, config.save_local, config.label_headers) == (
        100,
        "mean_sq",
        True,
        ("yes",),
    )
    assert config.background().to_dicts() == [{"f1": 0.44, "f2": "red", "f3": None}]
    assert json.loads(write_config(config)) == json.loads(CONFIG)


def test_a_content_type_that_rows_cannot_be_written_as_is_refused():
    assert parse_config(CONFIG, "analysis_config.json").wire().content_type == "text/csv"
    with pytest.raises(UnfitRows, match="'image/png'"):
        AnalysisConfig(content_type="image/png").wire()


def test_a_baseline_elsewhere_is_a_uri():
    config = parse_config('{"methods":{"shap":{"baseline":"s3://bucket/baseline.csv"}}}', "analysis_config.json")
    assert (config.baseline, config.baseline_uri, config.background()) == ((), "s3://bucket/baseline.csv", None)


@given(
    headers=st.lists(names, min_size=1, max_size=4, unique=True),
    baseline=rows,
    samples=st.none() | counts,
    logit=st.booleans(),
)
def test_analysis_config_gives_back_what_was_written(headers, baseline, samples, logit):
    config = AnalysisConfig(headers=tuple(headers), baseline=baseline, num_samples=samples, use_logit=logit)
    again = parse_config(write_config(config), "analysis_config.json")
    assert again.baseline == baseline
    assert write_config(again) == write_config(config)


@pytest.mark.parametrize(
    ("shap", "where"),
    [
        ('{"agg_method": "mean"}', "methods.shap.agg_method"),
        ('{"baseline": [1, 2]}', "methods.shap.baseline[0]"),
        ('{"num_samples": -1}', "methods.shap.num_samples"),
    ],
)
def test_a_fault_of_the_configuration_is_named_by_its_place(shap, where):
    with pytest.raises(MalformedBaseline) as refused:
        parse_config(f'{{"methods": {{"shap": {shap}}}}}', "analysis_config.json")
    assert refused.value.where == where


def test_a_baseline_row_with_the_label_in_it_is_refused():
    config = AnalysisConfig(headers=("a", "b", "y"), label="y", baseline=((1, 2, 0),))
    with pytest.raises(UnfitRows, match="3 values for 2 features"):
        config.background()


@st.composite
def explanations(draw):
    features, outputs = (tuple(draw(st.lists(names, min_size=1, max_size=3, unique=True))) for _ in range(2))
    count = draw(st.integers(1, 4))
    size = count * len(outputs) * len(features)
    values = np.array(draw(st.lists(numbers, min_size=size, max_size=size)))
    expected = tuple(draw(st.none() | numbers) for _ in outputs)
    return Explanation(features, outputs, values.reshape(count, len(outputs), len(features)), expected)


@given(explanation=explanations())
def test_attribution_data_gives_back_every_digit(explanation):
    again = parse_attributions("".join(write_attributions(explanation)), "attribution_data")
    np.testing.assert_array_equal(again.values, explanation.values)
    assert (again.features, again.labels, again.expected) == (
        explanation.features,
        explanation.labels,
        explanation.expected,
    )


FIRST = '{"row":0,"label":"no","expected_value":null,"attributions":{"a":1}}\n'
SECOND = '{"row":0,"label":"yes","expected_value":null,"attributions":{"a":1}}\n'


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (FIRST + "{", "line 2"),
        (FIRST + SECOND.replace('"a"', '"b"'), "line 2"),
        (FIRST + SECOND + FIRST.replace(":0", ":1"), "line 3"),
        (FIRST + SECOND + SECOND.replace(":0", ":1"), "line 3"),
        ('{"row":0}', "line 1"),
    ],
)
def test_a_line_that_does_not_fit_is_named(text, where):
    with pytest.raises(MalformedBaseline) as refused:
        parse_attributions(text, "attribution_data")
    assert refused.value.where == where


METADATA = ModelMetadata(
    "kernel_shap", ("a", "b"), ("yes",), "median", "log_odds", "models/7", 100, ((1, "x"), (0.5, None)), 500, 49_500
)


@given(background=rows, samples=st.none() | counts, model=st.none() | names)
def test_model_metadata_gives_back_what_was_written(background, samples, model):
    metadata = ModelMetadata("tree", ("a",), ("label0",), model=model, num_samples=samples, background=background)
    assert parse_metadata(write_metadata(metadata), "model_metadata.json") == metadata


def test_what_others_add_to_model_metadata_is_kept():
    tree = json.loads(write_metadata(METADATA)) | {"owner": "pricing"}
    assert json.loads(write_metadata(parse_metadata(json.dumps(tree), "model_metadata.json"))) == tree


def test_what_was_done_differently_is_said():
    other = ModelMetadata("tree", ("a", "b"), ("yes",), "median", "log_odds", "models/8", None, (), 500, 0)
    said = " ".join(differences(METADATA, other))
    assert "explainer kernel_shap" in said
    assert "other baseline rows" in said
    assert not list(differences(METADATA, METADATA))


@given(text=names, label=names)
def test_violations_give_back_what_was_written(text, label):
    violations = (AttributionViolation(label, "feature_attribution_drift_check", text),)
    assert parse_violations(write_violations(violations), "constraint_violations.json") == violations


def test_the_contracts_violation_file():
    text = """{"version":"1.0","violations":[{"label":"label0","metric_name":"shap",
    "constraint_check_type":"feature_attribution_drift_check",
    "description":"Feature attribution drift 0.860173572903856 exceeds threshold 0.9"}]}"""
    assert json.loads(write_violations(parse_violations(text, "constraint_violations.json"))) == json.loads(text)
