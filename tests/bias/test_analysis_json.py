"""`analysis.json` in and out."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.bias import as_analysis, bias_table, parse_analysis, write_analysis
from watchpost.bias.analysis_json import Analysis, StoredGroup, StoredMetric, StoredStage
from watchpost.errors import MalformedBaseline

from .people import WHO, Person, frame, populations

quick = settings(max_examples=100, deadline=None)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
metrics = st.builds(
    StoredMetric,
    texts,
    texts,
    st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-5, 5).map(float)),
    st.one_of(st.none(), texts),
)


@st.composite
def analyses(draw):
    stages = []
    for stage in draw(st.sampled_from([(), ("pre_training",), ("post_training", "pre_training")])):
        facets = draw(st.lists(texts, unique=True, max_size=3))
        groups = [
            StoredGroup(name, draw(texts), tuple(draw(st.lists(metrics, max_size=3))))
            for name in facets
            for _ in range(draw(st.integers(1, 2)))
        ]
        stages.append(StoredStage(stage, draw(texts), draw(texts), tuple(groups)))
    return Analysis(tuple(stages), draw(texts))


@quick
@given(analysis=analyses())
def test_what_is_written_is_read_back(analysis):
    assert parse_analysis(write_analysis(analysis), "analysis.json") == analysis


FILES = (
    "sagemaker-sdk-fixtures/pipeline/clarify_check_step/data_bias/bad_cases/analysis.json",
    "sagemaker-sdk-fixtures/pipeline/clarify_check_step/data_bias/good_cases/analysis.json",
    "sagemaker-sdk-fixtures/model_card/evaluation_metrics/clarify_bias.json",
)


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_loses_nothing(shared, name):
    text = (shared / "golden" / name).read_text()
    assert json.loads(write_analysis(parse_analysis(text, name))) == json.loads(text)


def test_what_we_do_not_know_comes_back_where_it_was():
    text = """{"version": "1.0", "explanations": {"kernel_shap": {}}, "pre_training_bias_metrics": {"note": 1,
      "label": "y", "label_value_or_threshold": "1", "facets": {"Sex": [{"value_or_threshold": "0", "seen": true,
      "metrics": [{"name": "CI", "description": "Class Imbalance (CI)", "value": null, "error": "e", "odd": 1}]}]}}}"""
    assert json.loads(write_analysis(parse_analysis(text, "f"))) == json.loads(text)


@pytest.mark.parametrize(
    ("written", "value"), [("Infinity", math.inf), ('"Infinity"', math.inf), ('"-Infinity"', -math.inf)]
)
def test_infinity_is_read_bare_and_quoted(written, value):
    text = (
        '{"post_training_bias_metrics": {"label": "y", "label_value_or_threshold": "1", "facets": {"Sex": '
        f'[{{"value_or_threshold": "0", "metrics": [{{"name": "TE", "value": {written}}}]}}]}}}}}}'
    )
    read = parse_analysis(text, "f").stages[0].groups[0].metrics[0]
    assert (read.value, read.description) == (value, "Treatment Equality (TE)")


@quick
@given(population=populations)
def test_a_table_is_written_as_the_contract_has_it(population):
    tree = json.loads(write_analysis(as_analysis(bias_table(frame(population), WHO))))
    assert list(tree) == ["version", "post_training_bias_metrics", "pre_training_bias_metrics"]
    for stage, metrics_ in (("post_training_bias_metrics", 13), ("pre_training_bias_metrics", 8)):
        assert (tree[stage]["label"], tree[stage]["label_value_or_threshold"]) == ("label", "1")
        (group,) = tree[stage]["facets"]["facet"]
        assert group["value_or_threshold"] == "1"
        names = [metric["name"] for metric in group["metrics"]]
        assert names == sorted(names)
        assert len(names) == metrics_
        for metric in group["metrics"]:
            assert ("error" in metric) == (metric["value"] is None)
            assert (
                isinstance(metric["value"], float | None)
                or metric["value"] == "Infinity"
                or metric["value"] == "-Infinity"
            )


def test_infinite_values_are_written_as_a_word():
    population = [Person(True, True, False), Person(False, False, True), Person(False, True, True)]
    assert '"value": "Infinity"' in write_analysis(as_analysis(bias_table(frame(population), WHO)))


WRONG = [
    ({"label": 1}, "pre_training_bias_metrics.label"),
    ({"facets": []}, "pre_training_bias_metrics.facets"),
    ({"facets": {"Sex": {}}}, "pre_training_bias_metrics.facets.Sex"),
    ({"facets": {"Sex": [{"metrics": []}]}}, "pre_training_bias_metrics.facets.Sex[0].value_or_threshold"),
    (
        {"facets": {"Sex": [{"value_or_threshold": "0", "metrics": [{"name": "CI", "value": "much"}]}]}},
        "pre_training_bias_metrics.facets.Sex[0].metrics[0].value",
    ),
]


@pytest.mark.parametrize(("changes", "where"), WRONG)
def test_what_is_wrong_is_named_by_its_field(changes, where):
    block = {"label": "y", "label_value_or_threshold": "1", "facets": {}} | changes
    with pytest.raises(MalformedBaseline) as caught:
        parse_analysis(json.dumps({"version": "1.0", "pre_training_bias_metrics": block}), "analysis.json")
    assert caught.value.where == where
