"""What the models say of an input's values, in AWS's words."""

import re
from contextlib import suppress
from functools import cache
from time import perf_counter

import pytest
from botocore.loaders import Loader
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.fronts.aws import model as models
from watchpost.fronts.aws import patterns
from watchpost.fronts.aws.validation import Validator

from .shapes import Values, botocore_model

SERVICES = ("cloudwatch", "logs", "sns", "events", "sts", "sagemaker", "sagemaker-runtime", "sagemaker-metrics", "s3")


@cache
def validator(service: str) -> Validator:
    return Validator(ours(service))


@cache
def ours(service: str) -> models.ServiceModel:
    return models.load(service)


def refusal(service: str, operation: str, members: dict) -> Refused:
    with pytest.raises(Refused) as refused:
        validator(service).check(ours(service).operations[operation], members)
    return refused.value


def complaint(service: str, operation: str, members: dict) -> str:
    return refusal(service, operation, members).message


ONE = "1 validation error detected: "
STATE = {"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"}


def test_an_unknown_enum_value_is_told_as_the_real_service_tells_it() -> None:
    # Recorded from the real service: contract of the wire, "real messages".
    refused = refusal("cloudwatch", "SetAlarmState", STATE)
    assert refused.fault == "ValidationError"
    assert refused.message == (
        "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    )


@pytest.mark.parametrize(
    ("service", "operation", "members", "message"),
    [
        (
            "logs",
            "CreateLogGroup",
            {},
            "Value null at 'logGroupName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": ""},
            "Value '' at 'logGroupName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "a b"},
            "Value 'a b' at 'logGroupName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ),
        (
            "cloudwatch",
            "PutMetricData",
            {"Namespace": "N", "MetricData": [{"MetricName": "m"}, {"MetricName": "m", "StorageResolution": 0}]},
            "Value '0' at 'metricData.2.member.storageResolution' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "cloudwatch",
            "DescribeAlarms",
            {"AlarmNames": ["ok", ""]},
            "Value '[ok, ]' at 'alarmNames' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must have length less than or equal to 255, Member must have length greater than or equal to 1]",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "g", "tags": {"": "v"}},
            "Value '{=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: "
            "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "
            "Member must satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$]",
        ),
    ],
)
def test_a_broken_constraint_is_told_with_its_value_and_place(service, operation, members, message) -> None:
    assert complaint(service, operation, members) == ONE + message


def test_all_broken_constraints_are_told_at_once() -> None:
    message = complaint("cloudwatch", "SetAlarmState", {"StateValue": "INVALID"})
    assert message.startswith("3 validation errors detected: ")
    assert message.count("failed to satisfy constraint") == 3


def test_of_very_many_broken_constraints_the_first_are_told_and_the_rest_counted() -> None:
    message = complaint("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": [{}] * 500})
    assert message.startswith("500 validation errors detected: ")
    assert message.endswith("; and 480 more")


def test_a_secret_is_not_repeated_in_a_refusal() -> None:
    message = complaint("sagemaker", "CreateImage", {"ImageName": "n", "RoleArn": "r" * 20, "Description": ""})
    secret = complaint(
        "sts", "AssumeRoleWithSAML", {"RoleArn": "a" * 20, "PrincipalArn": "a" * 20, "SAMLAssertion": "x"}
    )
    assert "x'" not in secret
    assert "Value at 'sAMLAssertion' failed" in secret
    assert "Value '" in message


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("cloudwatch", "ValidationError"),
        ("logs", "InvalidParameterException"),
        ("events", "ValidationException"),
        ("sns", "ValidationError"),
        ("sts", "ValidationError"),
        ("sagemaker", "ValidationException"),
        ("sagemaker-runtime", "ValidationError"),
    ],
)
def test_each_service_has_its_own_code_for_it(service, fault) -> None:
    operation = next(
        one.name for one in ours(service).operations.values() if one.input and one.input.definition.required
    )
    assert refusal(service, operation, {}).fault == fault


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=5)
@given(random=st.randoms(use_true_random=True))
def test_any_input_of_the_right_types_is_passed_or_refused_and_nothing_else(service, random) -> None:
    for operation in ours(service).operations.values():
        shape = botocore(service).operation_model(operation.name).input_shape
        members = Values(random).structure(shape) if shape else {}
        with suppress(Refused):
            validator(service).check(operation, members)


@cache
def botocore(service: str):
    return botocore_model(service)


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_the_models_compiles(service) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"].values()
    for pattern in {shape["pattern"] for shape in shapes if "pattern" in shape}:
        patterns.compiled(pattern)


@pytest.mark.parametrize("service", SERVICES)
def test_no_pattern_takes_long_over_a_value_that_just_fails(service) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"].values()
    for shape in shapes:
        if "pattern" not in shape or "enum" in shape:
            continue
        compiled = patterns.compiled(shape["pattern"])
        for length in (*range(8, 64, 4), 256, 2048):
            for seed in ("a", "A-", "0", "a.", "arn:aws:", "/", " ", "s3://a/", "a1-", "-"):
                value = (seed * length)[: min(length, shape.get("max", length)) - 1] + "\x00"
                began = perf_counter()
                compiled.fullmatch(value)
                # Exponential ones reach this long before they would take for ever.
                assert perf_counter() - began < 0.5, (shape["pattern"], seed)


SLOW = sorted(patterns._LINEAR)


@pytest.mark.parametrize("pattern", SLOW)
@given(value=st.text("ab0- \t:\x1f", max_size=9))
def test_a_pattern_made_linear_matches_what_the_models_own_matches(pattern, value) -> None:
    own = re.compile(pattern, re.ASCII)
    assert bool(patterns.compiled(pattern).fullmatch(value)) == bool(own.fullmatch(value))


@pytest.mark.parametrize(
    ("pattern", "matches", "fails"),
    [
        (r"[\w-_]*", "a-_", "a b"),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", "né 漢 ٣", "a<b"),
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}", "abc", "a<b"),
        (r"\A\S[\p{Print}]*\z", "a b", " ab"),
        (r"\p{ASCII}*", "a\x7f", "é"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a🙂\t", "\n"),
        (r"\d+", "12", "٣"),
        (r"[^:].*", "Name/space", ":no"),
    ],
)
def test_javas_words_mean_the_same_in_python(pattern, matches, fails) -> None:
    assert patterns.compiled(pattern).fullmatch(matches)
    assert not patterns.compiled(pattern).fullmatch(fails)
