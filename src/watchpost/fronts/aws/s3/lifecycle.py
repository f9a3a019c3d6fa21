"""S3's operations on lifecycle configurations: when objects of a bucket expire."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.buckets import found
from watchpost.fronts.aws.s3.requests import Members, not_here
from watchpost.service.retention.object_expiration import LifecycleRule

if TYPE_CHECKING:
    from watchpost.service.server import Server

_MOST_RULES, _LONGEST_ID = 1000, 255  # Source: S3 API, PutBucketLifecycleConfiguration, LifecycleRule
_ACTIONS = (
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)
_FILTERS = ("Tag", "And", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
_EXPIRATIONS = ("Date", "ExpiredObjectDeleteMarker")


def put_bucket_lifecycle_configuration(server: "Server", call: Call) -> Members:
    """Replace the rules of a bucket."""
    bucket = found(server, call)
    given = call.input.get("LifecycleConfiguration", {}).get("Rules", ())
    if not 1 <= len(given) <= _MOST_RULES:
        raise _malformed()
    rules = tuple(_rule(server, each) for each in given)
    if len({rule.id for rule in rules}) < len(rules):
        raise Refused("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    server.bucket_lifecycles.put(bucket.name, rules, call.access_key or "anonymous", call.now)
    return {}


def get_bucket_lifecycle_configuration(server: "Server", call: Call) -> Members:
    """The rules of a bucket."""
    rules = server.bucket_lifecycles.of(found(server, call).name)
    if not rules:
        raise Refused("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
    return {"Rules": [_shown(rule) for rule in rules]}


def delete_bucket_lifecycle(server: "Server", call: Call) -> Members:
    """Take the rules of a bucket away."""
    server.bucket_lifecycles.delete(found(server, call).name, call.access_key or "anonymous", call.now)
    return {}


def _rule(server: "Server", given: Mapping[str, Any]) -> LifecycleRule:
    wanted, expiration = given.get("Filter"), given.get("Expiration", {})
    _refuse(given, _ACTIONS)
    _refuse(wanted or {}, _FILTERS)
    _refuse(expiration, _EXPIRATIONS)
    # A rule says in exactly one way for which objects it is.
    if (wanted is None) == (given.get("Prefix") is None):
        raise _malformed()
    days = expiration.get("Days")
    if days is None:
        raise Refused("InvalidRequest", "At least one action needs to be specified in a rule.")
    if days < 1:
        raise Refused("InvalidArgument", "'Days' for Expiration action must be a positive integer")
    name = given.get("ID") or server.new_id()
    if len(name) > _LONGEST_ID:
        raise Refused("InvalidArgument", f"ID length should not exceed allowed limit of {_LONGEST_ID}")
    prefix = given["Prefix"] if wanted is None else wanted.get("Prefix", "")
    return LifecycleRule(name, prefix or "", days, given["Status"] == "Enabled", wanted is not None)


def _shown(rule: LifecycleRule) -> Members:
    return {
        "ID": rule.id,
        "Status": "Enabled" if rule.enabled else "Disabled",
        "Expiration": {"Days": rule.days},
        **({"Filter": {"Prefix": rule.prefix}} if rule.filtered else {"Prefix": rule.prefix}),
    }


def _refuse(given: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if given.get(name):
            raise not_here(name, given[name])


def _malformed() -> Refused:
    told = "The XML you provided was not well-formed or did not validate against our published schema"
    return Refused("MalformedXML", told)
