"""S3's operations on whole objects."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.buckets import found
from watchpost.fronts.aws.s3.checksums import asked_algorithm, checksum, members, verified
from watchpost.fronts.aws.s3.requests import (
    Members,
    about_of,
    check_read,
    check_supported,
    description,
    not_here,
    quoted,
    tags_of_header,
    unquoted,
    write_condition,
)
from watchpost.fronts.aws.wire import Stream
from watchpost.stores.objects.objects import Condition, ObjectInfo, OpenObject, no_such_bucket, no_such_key

if TYPE_CHECKING:
    from watchpost.service.server import Server

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
_LARGEST_COPY = 5 * 1024**3
_MOST_DELETED = 1000


def put_object(server: "Server", call: Call) -> Members:
    """Write an object, its checksums verified."""
    check_supported(call)
    asked = call.input
    body = asked.get("Body", b"")
    decoded = call.headers.get("x-amz-decoded-content-length")
    if decoded is not None and decoded != str(len(body)):
        raise Refused("IncompleteBody", "You did not provide the number of bytes specified by the request's headers.")
    checksums = verified(asked, call.headers, body)
    if not checksums and "ChecksumAlgorithm" in asked:
        algorithm, _ = asked_algorithm(asked)
        checksums = {algorithm: checksum(algorithm, [body])} if algorithm else {}
    info = server.objects.put(
        asked["Bucket"],
        asked["Key"],
        body,
        about=replace(about_of(asked), checksums=checksums),
        condition=write_condition(asked),
    )
    return {"ETag": quoted(info.etag), **members(checksums)}


def get_object(server: "Server", call: Call) -> Members:
    """An object, or a part of it; its content is read while it is sent."""
    check_supported(call)
    asked = call.input
    opened = server.objects.open(asked["Bucket"], asked["Key"])
    try:
        check_read(opened.info, asked)
        start, end, part = wanted(opened.info, asked)
    except BaseException:
        opened.close()
        raise
    return {
        **_shown(opened.info, asked, start, end, partial=part),
        "Body": Stream(_content(opened, start, end), opened.close),
    }


def head_object(server: "Server", call: Call) -> Members:
    """What `get_object` says of an object, without its content."""
    check_supported(call)
    asked = call.input
    info = existing(server, asked["Bucket"], asked["Key"])
    check_read(info, asked)
    start, end, part = wanted(info, asked)
    return _shown(info, asked, start, end, partial=part)


def delete_object(server: "Server", call: Call) -> Members:
    """Remove an object; one that is not there is as good as removed."""
    check_supported(call)
    asked = call.input
    etag = asked.get("IfMatch")
    condition = Condition(etag=None if etag is None else unquoted(etag))
    for name in ("IfMatchLastModifiedTime", "IfMatchSize"):
        if name in asked:
            raise not_here(name, asked[name])
    server.objects.delete(asked["Bucket"], asked["Key"], condition)
    return {}


def delete_objects(server: "Server", call: Call) -> Members:
    """Remove up to 1000 objects, each by itself."""
    bucket = found(server, call)
    wished = call.input["Delete"]["Objects"]
    if not 1 <= len(wished) <= _MOST_DELETED:
        told = "The XML you provided was not well-formed or did not validate against our published schema"
        raise Refused("MalformedXML", told)
    deleted, errors = list[Members](), list[Members]()
    for each in wished:
        try:
            _delete(server, bucket.name, each)
            deleted.append({"Key": each["Key"]})
        except Refused as refused:
            errors.append({"Key": each["Key"], "Code": refused.fault, "Message": refused.message})
    return {**({} if call.input["Delete"].get("Quiet") else {"Deleted": deleted}), "Errors": errors}


def _delete(server: "Server", bucket: str, named: Mapping[str, Any]) -> None:
    etag = named.get("ETag")
    if named.get("VersionId") not in {None, "null"}:
        raise Refused("NoSuchVersion", "The specified version does not exist.")
    server.objects.delete(bucket, named["Key"], Condition(etag=None if etag is None else unquoted(etag)))


def copy_object(server: "Server", call: Call) -> Members:
    """Copy an object, with or without what is kept about it."""
    check_supported(call)
    asked = call.input
    bucket, key = asked["Bucket"], asked["Key"]
    source = copied_from(asked["CopySource"])
    there = existing(server, *source)
    check_read(there, asked, "CopySource")
    if there.size > _LARGEST_COPY:
        told = f"The specified copy source is larger than the maximum allowable size for a copy source: {_LARGEST_COPY}"
        raise Refused("InvalidRequest", told)
    anew = asked.get("MetadataDirective", "COPY") == "REPLACE"
    if source == (bucket, key) and not anew and asked.get("TaggingDirective", "COPY") == "COPY":
        told = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise Refused("InvalidRequest", told)
    about = replace(about_of({**asked, "Tagging": None}), checksums=there.about.checksums) if anew else there.about
    new_tags = asked.get("TaggingDirective", "COPY") == "REPLACE"
    about = replace(about, tags=tags_of_header(asked.get("Tagging")) if new_tags else there.about.tags).whole()
    info = server.objects.copy(source, (bucket, key), about, write_condition(asked))
    result = {"ETag": quoted(info.etag), "LastModified": info.modified}
    return {"CopyObjectResult": {**result, **members(info.about.checksums)}}


def existing(server: "Server", bucket: str, key: str) -> ObjectInfo:
    """An object. Raises: Refused: NoSuchKey, NoSuchBucket."""
    info = server.objects.head(bucket, key)
    if info is None:
        raise no_such_key() if server.objects.bucket(bucket) else no_such_bucket()
    return info


def copied_from(source: str) -> tuple[str, str]:
    """(bucket, key) of a copy's source, percent-encoded. Raises: Refused: it names no object."""
    path, _, version = source.removeprefix("/").partition("?versionId=")
    bucket, _, key = unquote(path).partition("/")
    if not bucket or not key:
        told = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise Refused("InvalidArgument", told)
    if version not in {"", "null"}:
        raise Refused("NoSuchVersion", "The specified version does not exist.")
    return bucket, key


def wanted(info: ObjectInfo, asked: Mapping[str, Any]) -> tuple[int, int, bool]:
    """(start, end, whether it is a part) of the bytes a read asks for. Raises: Refused: InvalidRange."""
    if "PartNumber" in asked:
        return _part(info, asked)
    text = asked.get("Range")
    found_ = _RANGE.fullmatch(text.replace(" ", "")) if text else None
    # Several ranges, and what is no range at all, are answered with the whole object, as HTTP allows.
    if found_ is None or (not found_[1] and not found_[2]):
        return 0, info.size, False
    first, last = found_[1], found_[2]
    if not first:
        start, end = max(0, info.size - int(last)), info.size
    else:
        start, end = int(first), info.size if not last else min(int(last) + 1, info.size)
        if last and int(last) < start:
            return 0, info.size, False
    if start >= info.size or start >= end:
        raise Refused("InvalidRange", "The requested range is not satisfiable")
    return start, end, True


def _part(info: ObjectInfo, asked: Mapping[str, Any]) -> tuple[int, int, bool]:
    number, sizes = asked["PartNumber"], info.about.part_sizes or (info.size,)
    if "Range" in asked:
        raise Refused("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    if not 1 <= number <= len(sizes):
        told = "The requested partnumber is not satisfiable"
        raise Refused("InvalidRange", told)
    start = sum(sizes[: number - 1])
    return start, start + sizes[number - 1], info.size > 0


def _shown(info: ObjectInfo, asked: Mapping[str, Any], start: int, end: int, *, partial: bool) -> Members:
    checksums = info.about.checksums if asked.get("ChecksumMode") == "ENABLED" and end - start == info.size else {}
    parts = len(info.about.part_sizes) if "PartNumber" in asked else 0
    return {
        **description(info),
        **{member: asked[name] for name, member in _OVERRIDES.items() if name in asked},
        **members(checksums),
        "ContentLength": end - start,
        **({"ContentRange": f"bytes {start}-{end - 1}/{info.size}"} if partial else {}),
        **({"PartsCount": parts} if parts else {}),
    }


def _content(opened: OpenObject, start: int, end: int) -> Iterator[bytes]:
    with closing(opened):
        yield from opened.read(start, end)
