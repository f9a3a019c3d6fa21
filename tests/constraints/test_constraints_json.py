"""The file `constraints.json`: nothing is lost, overrides hold in every spelling, faults are named by their place."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.constraints import (
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    Override,
    Rules,
    parse_constraints,
    write_constraints,
)
from watchpost.errors import MalformedBaseline

UNHURRIED = settings(deadline=None)  # a busy machine is no fault of the code

QUALITY = "sagemaker-sdk-fixtures/pipeline/quality_check_step/data_quality"
GOLDEN = (
    "x9/baseline_constraints.json",
    "sagemaker-sdk-fixtures/monitor/constraints.json",
    f"{QUALITY}/bad_cases/constraints.json",
    f"{QUALITY}/good_cases/constraints.json",
)

names = st.text(st.characters(codec="utf-8"), max_size=8)
shares = st.none() | st.floats(0, 1)
distances = st.none() | st.floats(0, 1e300)
switches = st.sampled_from((None, "Enabled", "Disabled"))
configs = st.builds(
    MonitoringConfig,
    switches,
    switches,
    shares,
    shares,
    st.none()
    | st.builds(
        DistributionConstraints,
        switches,
        distances,
        st.sampled_from((None, "Robust", "Simple")),
        distances,
        st.sampled_from((None, "LInfinity", "ChiSquared")),
    ),
)
PLACES = (
    ("num_constraints", "monitoring_config_overrides"),
    ("string_constraints", "monitoringConfigOverrides"),
    ("monitoringConfigOverrides",),
    ("monitoring_config_overrides",),
)


@st.composite
def features(draw) -> FeatureConstraints:
    places = [place for place in PLACES if draw(st.booleans())]
    return FeatureConstraints(
        draw(names),
        draw(st.sampled_from(("Integral", "Fractional", "String", "Unknown"))),
        draw(shares),
        draw(st.none() | st.booleans()),
        draw(st.none() | st.lists(names, max_size=3).map(tuple)),
        tuple(Override(place, draw(configs)) for place in places),
    )


documents = st.builds(
    Constraints,
    st.lists(features(), max_size=3, unique_by=lambda f: f.name).map(tuple),
    st.none() | configs,
    st.floats(allow_nan=False, allow_infinity=False),
)


@UNHURRIED
@given(documents)
def test_what_is_written_is_read_back_the_same(document):
    assert parse_constraints(write_constraints(document), "constraints.json") == document


@pytest.mark.parametrize("name", GOLDEN)
def test_recorded_files_survive_reading_and_writing(shared: Path, name):
    text = (shared / "golden" / name).read_text()
    assert json.loads(write_constraints(parse_constraints(text, name))) == json.loads(text)


def test_layout_is_the_originals_byte_for_byte(shared: Path):
    text = (shared / "golden" / GOLDEN[3]).read_text()
    assert write_constraints(parse_constraints(text, GOLDEN[3])) == text


def document(feature: dict[str, object], config: dict[str, object] | None = None) -> Constraints:
    whole = {"features": [{"name": "a", "inferred_type": "String", **feature}], "monitoring_config": config or {}}
    return parse_constraints(json.dumps(whole), "c")


def test_a_silent_file_means_what_the_originals_files_say():
    assert document({}).rules_for(document({}).features[0]) == Rules(True, True, 1.0, 1.0, True, 0.1, "Robust", 0.1)


@pytest.mark.parametrize("spelling", ["monitoringConfigOverrides", "monitoring_config_overrides"])
@pytest.mark.parametrize("nested", [True, False])
def test_an_override_beats_the_file_in_every_spelling_and_place(spelling, nested):
    override = {spelling: {"evaluate_constraints": "Disabled", "domain_content_threshold": 0.9}}
    constraints = document({"string_constraints": override} if nested else override, {"domain_content_threshold": 0.5})
    rules = constraints.rules_for(constraints.features[0])
    assert (rules.evaluate_constraints, rules.domain_content_threshold) == (False, 0.9)
    assert constraints.rules_for(None).evaluate_constraints


def test_the_override_the_sdk_writes_beats_a_hand_written_one():
    constraints = document(
        {
            "monitoringConfigOverrides": {"evaluate_constraints": "Disabled"},
            "monitoring_config_overrides": {"evaluate_constraints": "Enabled"},
        }
    )
    assert constraints.rules_for(constraints.features[0]).evaluate_constraints


def test_a_feature_cannot_enable_what_the_file_disables_for_all():
    constraints = document(
        {"monitoring_config_overrides": {"evaluate_constraints": "Enabled"}}, {"evaluate_constraints": "Disabled"}
    )
    assert not constraints.rules_for(constraints.features[0]).evaluate_constraints


def test_an_overridden_comparison_threshold_holds_for_text_too():
    own = {"monitoring_config_overrides": {"distribution_constraints": {"comparison_threshold": 0.5}}}
    constraints = document(own, {"distribution_constraints": {"categorical_comparison_threshold": 0.2}})
    assert constraints.rules_for(constraints.features[0]).categorical_comparison_threshold == 0.5
    assert constraints.rules_for(None).categorical_comparison_threshold == 0.2


@pytest.mark.parametrize(
    ("feature", "config", "where", "expected"),
    [
        ({"completeness": 97}, {}, "features[0].completeness", "from 0 to 1"),
        ({"completeness": "NaN"}, {}, "features[0].completeness", "from 0 to 1"),
        ({"inferred_type": None}, {}, "features[0].inferred_type", "'Unknown'"),
        ({"string_constraints": {"domains": ["a", 1]}}, {}, "features[0].string_constraints.domains", "strings"),
        (
            {"num_constraints": {"is_non_negative": "yes"}},
            {},
            "features[0].num_constraints.is_non_negative",
            "true or false",
        ),
        (
            {"monitoringConfigOverrides": {"emit_metrics": "off"}},
            {},
            "features[0].monitoringConfigOverrides.emit_metrics",
            "'Disabled'",
        ),
        (
            {},
            {"distribution_constraints": {"comparison_method": "robust"}},
            "monitoring_config.distribution_constraints.comparison_method",
            "'Robust', 'Simple', found \"robust\"",
        ),
    ],
)
def test_a_fault_is_named_by_its_place_and_what_belongs_there(feature, config, where, expected):
    with pytest.raises(MalformedBaseline, match=expected) as caught:
        document(feature, config)
    assert caught.value.where == where


def test_constraints_of_another_monitor_are_refused():
    with pytest.raises(MalformedBaseline, match="features"):
        parse_constraints('{"regression_constraints": {}}', "model_quality/constraints.json")
