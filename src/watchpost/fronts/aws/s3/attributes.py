"""S3's operations on what is kept about an object: its tags, and its attributes in one answer."""

from dataclasses import replace
from typing import TYPE_CHECKING

from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.checksums import members
from watchpost.fronts.aws.s3.objects import existing
from watchpost.fronts.aws.s3.requests import Members, check_supported, checked_tags

if TYPE_CHECKING:
    from watchpost.service.server import Server


def get_object_attributes(server: "Server", call: Call) -> Members:
    """Those attributes of an object that are asked for."""
    check_supported(call)
    asked = call.input
    info = existing(server, asked["Bucket"], asked["Key"])
    sizes = info.about.part_sizes
    limit, after = asked.get("MaxParts", 1000), int(asked.get("PartNumberMarker", 0))
    shown = sizes[after : after + limit]
    parts = {
        "TotalPartsCount": len(sizes),
        "PartNumberMarker": after,
        "MaxParts": limit,
        "IsTruncated": after + limit < len(sizes),
        **({"NextPartNumberMarker": after + len(shown)} if after + limit < len(sizes) else {}),
        "Parts": [{"PartNumber": number, "Size": size} for number, size in enumerate(shown, after + 1)],
    }
    every: Members = {
        "ETag": info.etag,
        "Checksum": members(info.about.checksums) or None,
        "ObjectParts": parts if sizes else None,
        "StorageClass": "STANDARD",
        "ObjectSize": info.size,
    }
    return {"LastModified": info.modified, **{name: every.get(name) for name in asked["ObjectAttributes"]}}


def get_object_tagging(server: "Server", call: Call) -> Members:
    """An object's tags."""
    check_supported(call)
    info = existing(server, call.input["Bucket"], call.input["Key"])
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(info.about.tags.items())]}


def put_object_tagging(server: "Server", call: Call) -> Members:
    """Replace an object's tags."""
    check_supported(call)
    tags = checked_tags([(tag["Key"], tag["Value"]) for tag in call.input["Tagging"]["TagSet"]])
    _tag(server, call, tags)
    return {}


def delete_object_tagging(server: "Server", call: Call) -> Members:
    """Take an object's tags away."""
    check_supported(call)
    _tag(server, call, {})
    return {}


def _tag(server: "Server", call: Call, tags: dict[str, str]) -> None:
    bucket, key = call.input["Bucket"], call.input["Key"]
    info = existing(server, bucket, key)
    server.objects.describe(bucket, key, replace(info.about, tags=tags))
