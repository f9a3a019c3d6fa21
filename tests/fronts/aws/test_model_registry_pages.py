"""The model registry and tags as boto3 lists them, over a real socket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from watchpost.fronts.aws.app import application
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

from .asking import client, listening


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home: Path = tmp_path_factory.mktemp("home")
    with open_server(Configuration(home)) as server, listening(application(server)) as url:
        yield client(server, url, "sagemaker")


@pytest.fixture(scope="module")
def versions(sagemaker: Any) -> list[str]:
    """ARNs of seven versions of a group, the odd ones approved."""
    sagemaker.create_model_package_group(ModelPackageGroupName="paged", Tags=[{"Key": "team", "Value": "a"}])
    return [
        sagemaker.create_model_package(
            ModelPackageGroupName="paged",
            ModelApprovalStatus="Approved" if number % 2 else "Rejected",
            ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        )["ModelPackageArn"]
        for number in range(1, 8)
    ]


@pytest.mark.parametrize(("order", "expected"), [(None, [7, 5, 3, 1]), ("Ascending", [1, 3, 5, 7])])
def test_pages_hold_every_version_that_passes_the_filter_once(
    sagemaker: Any, versions: list[str], order: str | None, expected: list[int]
) -> None:
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="paged",
        ModelApprovalStatus="Approved",
        PaginationConfig={"PageSize": 3},
        **({"SortOrder": order} if order else {}),
    )
    found = [[each["ModelPackageVersion"] for each in page["ModelPackageSummaryList"]] for page in pages]
    assert found == [expected[:3], expected[3:]]


def test_versions_are_not_listed_among_packages_by_themselves(sagemaker: Any, versions: list[str]) -> None:
    single = sagemaker.create_model_package(ModelPackageName="single")["ModelPackageArn"]

    def listed(**asked: str) -> set[str]:
        answer = sagemaker.list_model_packages(MaxResults=100, **asked)
        return {each["ModelPackageArn"] for each in answer["ModelPackageSummaryList"]}

    assert listed() == {single}
    assert listed(ModelPackageType="Both") == {single, *versions}


def test_descriptions_echo_the_request_and_errors_come_one_by_one(sagemaker: Any, versions: list[str]) -> None:
    shown = sagemaker.describe_model_package(ModelPackageName=versions[0])
    assert shown["ModelCard"] == {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}
    brief = sagemaker.describe_model_package(ModelPackageName=versions[0], IncludedData="MetadataOnly")
    assert brief["ModelCard"] == {"ModelCardStatus": "Draft"}
    missing = versions[0].replace("/1", "/99")
    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[versions[0], missing])
    assert set(answer["ModelPackageSummaries"]) == {versions[0]}
    assert answer["BatchDescribeModelPackageErrorMap"][missing]["ErrorCode"] == "ValidationException"


def test_tags_are_listed_by_arn_and_a_strange_arn_is_refused(sagemaker: Any, versions: list[str]) -> None:
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="paged")["ModelPackageGroupArn"]
    assert sagemaker.list_tags(ResourceArn=group)["Tags"] == [{"Key": "team", "Value": "a"}]
    more = [{"Key": f"k{number}", "Value": "v"} for number in range(49)]
    assert len(sagemaker.add_tags(ResourceArn=group, Tags=more)["Tags"]) == 50
    with pytest.raises(ClientError, match="at most 50"):
        sagemaker.add_tags(ResourceArn=group, Tags=[{"Key": "one-more", "Value": "v"}])
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.list_tags(ResourceArn=group.replace("model-package-group", "training-job"))


@pytest.mark.parametrize("member", [{"CertifyForMarketplace": True}, {"ManagedStorageType": "Restricted"}])
def test_what_needs_aws_is_refused_by_name(sagemaker: Any, versions: list[str], member: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=next(iter(member))):
        sagemaker.create_model_package(ModelPackageGroupName="paged", **member)
