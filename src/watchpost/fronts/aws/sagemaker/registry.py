"""The model registry: model package groups and model packages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.fronts.aws.sagemaker.listings import during, page, stamp
from watchpost.service.registry.documents import ModelPackage, ModelPackageGroup
from watchpost.service.registry.model_registry import PackageChange, described_package
from watchpost.service.registry.tags import check_tags

if TYPE_CHECKING:
    from watchpost.service.server import Server

T = TypeVar("T", ModelPackage, ModelPackageGroup)

_NEEDS_AWS = ("CertifyForMarketplace", "SecurityConfig", "ManagedStorageType", "SourceAlgorithmSpecification")
_OWN = ("ModelPackageName", "ModelPackageGroupName", "ModelApprovalStatus", "ClientToken", "Tags")
_REPLACED = (
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelCard",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
    "SourceUri",
)


def create_model_package_group(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make a group."""
    given = call.input
    _refuse(given, ("ManagedConfiguration",))
    members = {name: given[name] for name in ("ModelPackageGroupDescription",) if name in given}
    tags = check_tags(given.get("Tags", ()))
    arn = server.model_registry.create_group(given["ModelPackageGroupName"], members, _actor(call), tags)
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a group."""
    group = server.model_registry.group(call.input["ModelPackageGroupName"])
    return {**_group(group), "CreatedBy": {"UserProfileName": group.actor}}


def list_model_package_groups(server: "Server", call: Call) -> Mapping[str, Any]:
    """A page of groups."""
    # Nobody shares groups with this account: there are no others.
    other = call.input.get("CrossAccountFilterOption") == "CrossAccount"
    groups, more = _page(call, () if other else server.model_registry.groups(), lambda group: group.name)
    return {"ModelPackageGroupSummaryList": [_group(group) for group in groups], **more}


def delete_model_package_group(server: "Server", call: Call) -> None:
    """Remove an empty group."""
    server.model_registry.delete_group(call.input["ModelPackageGroupName"], _actor(call))


def create_model_package(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make a package, or the next version of a group."""
    given = call.input
    _refuse(given, _NEEDS_AWS)
    arn = server.model_registry.create(
        {name: value for name, value in given.items() if name not in _OWN},
        _actor(call),
        name=given.get("ModelPackageName"),
        group=given.get("ModelPackageGroupName"),
        approval=given.get("ModelApprovalStatus"),
        token=given.get("ClientToken"),
        tags=check_tags(given.get("Tags", ())),
    )
    return {"ModelPackageArn": arn}


def describe_model_package(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a package."""
    package = server.model_registry.package(call.input["ModelPackageName"])
    by = {"CreatedBy": {"UserProfileName": package.actor}, "LastModifiedBy": {"UserProfileName": package.modifier}}
    shown = described_package(package) | by
    if call.input.get("IncludedData") == "MetadataOnly" and isinstance(card := shown.get("ModelCard"), Mapping):
        shown["ModelCard"] = {name: value for name, value in card.items() if name != "ModelCardContent"}
    return shown


def batch_describe_model_package(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show several packages by ARN; each that cannot be shown gets an error of its own."""
    found, failed = dict[str, Mapping[str, Any]](), dict[str, Mapping[str, str]]()
    for arn in call.input["ModelPackageArnList"]:
        try:
            package = server.model_registry.package(arn)
        except Refused as refused:
            failed[arn] = {"ErrorCode": refused.fault, "ErrorResponse": refused.message}
        else:
            shown = {name: value for name, value in _summary(package).items() if name not in _NOT_IN_BATCHES}
            found[arn] = {**shown, "InferenceSpecification": _specification(package)}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": failed}


def list_model_packages(server: "Server", call: Call) -> Mapping[str, Any]:
    """A page of packages: those of a group, or all that are no versions unless others are asked for."""
    given = call.input
    group, approval = given.get("ModelPackageGroupName"), given.get("ModelApprovalStatus")
    kind = given.get("ModelPackageType", "Unversioned" if group is None else "Versioned")
    wanted = (
        package
        for package in server.model_registry.packages(group)
        if (approval is None or package.approval == approval)
        and (kind == "Both" or (package.version is not None) == (kind == "Versioned"))
    )
    packages, more = _page(call, wanted, lambda package: package.key)
    return {"ModelPackageSummaryList": [_summary(package) for package in packages], **more}


def update_model_package(server: "Server", call: Call) -> Mapping[str, Any]:
    """Approve, reject or otherwise change a package."""
    given = call.input
    change = PackageChange(
        approval=given.get("ModelApprovalStatus"),
        members={name: given[name] for name in _REPLACED if name in given},
        metadata=given.get("CustomerMetadataProperties"),
        without=given.get("CustomerMetadataPropertiesToRemove", ()),
        additional=given.get("AdditionalInferenceSpecificationsToAdd", ()),
    )
    return {"ModelPackageArn": server.model_registry.update(given["ModelPackageArn"], change, _actor(call))}


def delete_model_package(server: "Server", call: Call) -> None:
    """Remove a package."""
    server.model_registry.delete(call.input["ModelPackageName"], _actor(call))


def _actor(call: Call) -> str:
    return call.access_key or ""


def _refuse(given: Mapping[str, Any], names: Iterable[str]) -> None:
    unsupported = [name for name in names if given.get(name)]
    if unsupported:
        told = f"{', '.join(unsupported)} is not supported: it needs a service of AWS that this server is not."
        raise Refused("ValidationException", told)


def _group(group: ModelPackageGroup) -> dict[str, Any]:
    return {
        **group.members,
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "CreationTime": group.created,
        "ModelPackageGroupStatus": "Completed",
    }


_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)

_NOT_IN_BATCHES = ("ModelPackageName", "ModelLifeCycle")


def _summary(package: ModelPackage) -> dict[str, Any]:
    shown = described_package(package)
    return {name: shown[name] for name in _SUMMARY if name in shown}


def _specification(package: ModelPackage) -> object:
    return package.members.get("InferenceSpecification") or {"Containers": []}


def _page(call: Call, things: Iterable[T], key: Callable[[T], str]) -> tuple[Sequence[T], dict[str, str]]:
    """What the request's filters leave, a page of it.

    Without SortOrder the newest comes first, as AWS's own pipelines count on, whatever its reference says of the
    default.
    """
    given = call.input
    part, by_name = given.get("NameContains", "").lower(), given.get("SortBy") == "Name"
    left = [each for each in things if part in each.name.lower() and during(given, "CreationTime", each.created)]
    return page(left, lambda each: ("" if by_name else stamp(each.created), key(each)), given, descending=True)


OPERATIONS: Mapping[str, Operation] = {
    "BatchDescribeModelPackage": batch_describe_model_package,
    "CreateModelPackage": create_model_package,
    "CreateModelPackageGroup": create_model_package_group,
    "DeleteModelPackage": delete_model_package,
    "DeleteModelPackageGroup": delete_model_package_group,
    "DescribeModelPackage": describe_model_package,
    "DescribeModelPackageGroup": describe_model_package_group,
    "ListModelPackageGroups": list_model_package_groups,
    "ListModelPackages": list_model_packages,
    "UpdateModelPackage": update_model_package,
}
PARTIAL: Mapping[str, str] = {
    "CreateModelPackage": (
        "Packages are complete at once: ValidationSpecification and SkipModelValidation are kept and shown, nothing is "
        "validated. CertifyForMarketplace, SecurityConfig, ManagedStorageType and SourceAlgorithmSpecification are "
        "refused by name."
    ),
    "CreateModelPackageGroup": "ManagedConfiguration is refused by name.",
    "UpdateModelPackage": "ClientToken is not remembered: an update done twice has the same end.",
}
