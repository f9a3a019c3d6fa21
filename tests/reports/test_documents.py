import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.reports.documents import from_json, report_schema, to_json

from . import sample, sample_models
from .strategies import reports

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(report_schema())
SAMPLES = [sample.resale(), sample.clean(), sample.empty(), sample.hostile(), sample.wide(50, 12)]
SAMPLES += sample_models.MODELS.values()


@given(reports())
def test_a_report_survives_the_way_to_json_and_back(report):
    assert from_json(to_json(report)) == report


@given(reports(numbers=st.floats()))
def test_whatever_the_numbers_the_document_is_plain_json_of_the_published_shape(report):
    document = to_json(report)
    VALIDATOR.validate(json.loads(document, parse_constant=pytest.fail))
    assert to_json(from_json(document)) == document


@given(reports())
def test_equal_reports_give_equal_bytes(report):
    reasons = report.quarantine.reasons
    if reasons is not None:
        turned = replace(report.quarantine, reasons=dict(reversed(reasons.items())))
        assert to_json(replace(report, quarantine=turned)) == to_json(report)


@pytest.mark.parametrize("report", SAMPLES, ids=["resale", "clean", "empty", "hostile", "wide", *sample_models.MODELS])
def test_sample_reports_validate_against_the_schema(report):
    VALIDATOR.validate(json.loads(to_json(report)))


def test_the_published_schema_is_up_to_date():
    expected = json.dumps(report_schema(), indent=2) + "\n"
    assert PUBLISHED.read_text("utf-8") == expected, f"Write report_schema() to {PUBLISHED.name} again."


def test_the_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(report_schema())


def test_a_number_that_is_not_finite_becomes_null():
    report = sample.resale()
    feature = report.features[0]
    odd = replace(feature, baseline=replace(feature.baseline, mean=math.nan, maximum=math.inf))
    side = json.loads(to_json(replace(report, features=(odd,))))["features"][0]["baseline"]
    assert (side["mean"], side["maximum"]) == (None, None)


def test_keys_come_in_the_order_of_the_class():
    assert list(json.loads(to_json(sample.clean())))[:3] == ["monitor", "compat", "baseline_name"]


def test_a_name_that_utf_8_cannot_write_keeps_its_readable_part():
    report = replace(sample.clean(1), current_name="caf\udce9.csv")
    assert from_json(to_json(report)).current_name == "caf\\udce9.csv"


def test_fields_of_a_newer_version_are_ignored():
    document = json.loads(to_json(sample.clean(2))) | {"mood": "good"}
    assert from_json(json.dumps(document)) == sample.clean(2)


def test_what_is_no_report_is_refused_with_the_place():
    document = json.loads(to_json(sample.clean(2)))
    document["features"][1]["name"] = 5
    with pytest.raises(msgspec.ValidationError, match=r"features\[1\]\.name"):
        from_json(json.dumps(document))
