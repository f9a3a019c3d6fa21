"""S3's uploads in parts."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.buckets import found, owner
from watchpost.fronts.aws.s3.checksums import (
    asked_algorithm,
    checksum,
    given_checksums,
    members,
    of_parts,
    verified,
)
from watchpost.fronts.aws.s3.objects import copied_from, existing
from watchpost.fronts.aws.s3.requests import (
    Members,
    about_of,
    check_read,
    check_supported,
    quoted,
    unquoted,
    write_condition,
)
from watchpost.stores.objects.uploads import MOST_PARTS, SMALLEST_PART, Part, Upload

if TYPE_CHECKING:
    from watchpost.service.server import Server

_PAGE = 1000


def create_multipart_upload(server: "Server", call: Call) -> Members:
    """Begin an upload."""
    check_supported(call)
    asked = call.input
    algorithm, whole = asked_algorithm(asked)
    upload = Upload(
        # Any upload id in a listing sorts behind those before it only by accident; S3 promises no order either.
        id=server.new_id(),
        bucket=asked["Bucket"],
        key=asked["Key"],
        initiated=call.now,
        about=about_of(asked),
        algorithm=algorithm,
        whole_checksum=whole,
    )
    server.uploads.create(upload)
    kind = {"ChecksumAlgorithm": algorithm, "ChecksumType": _type(upload)} if algorithm else {}
    return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id, **kind}


def upload_part(server: "Server", call: Call) -> Members:
    """Keep a part, its checksums verified."""
    check_supported(call)
    number, upload = _number(call), _upload(server, call)
    body = call.input.get("Body", b"")
    checksums = verified(call.input, call.headers, body)
    if upload.algorithm is not None and upload.algorithm not in checksums:
        checksums[upload.algorithm] = checksum(upload.algorithm, [body])
    part = server.uploads.put(upload, number, body, checksums, call.now)
    return {"ETag": quoted(part.etag), **{f"Checksum{name}": value for name, value in checksums.items()}}


def upload_part_copy(server: "Server", call: Call) -> Members:
    """Keep a part that is an object, or a range of its bytes."""
    check_supported(call)
    number, upload = _number(call), _upload(server, call)
    source = copied_from(call.input["CopySource"])
    info = existing(server, *source)
    check_read(info, call.input, "CopySource")
    start, end = 0, info.size
    text = call.input.get("CopySourceRange")
    if text is not None:
        first, _, last = text.removeprefix("bytes=").partition("-")
        if not (text.startswith("bytes=") and first.isdecimal() and last.isdecimal()):
            told = "The x-amz-copy-source-range value must be of the form bytes=first-last"
            raise Refused("InvalidArgument", told)
        start, end = int(first), int(last) + 1
        if not start < end <= info.size:
            told = f"Range specified is not valid for source object of size: {info.size}"
            raise Refused("InvalidArgument", told)
    with closing(server.objects.open(*source)) as opened:
        part = server.uploads.put(upload, number, opened.read(start, end), {}, call.now)
    if upload.algorithm is not None:
        value = checksum(upload.algorithm, server.uploads.content([_kept(server, upload, part)]))
        part = server.uploads.tell(upload, part, {upload.algorithm: value})
    result = {"ETag": quoted(part.etag), "LastModified": part.modified}
    return {"CopyPartResult": {**result, **{f"Checksum{name}": value for name, value in part.checksums.items()}}}


def complete_multipart_upload(server: "Server", call: Call) -> Members:
    """Make the object of the parts that are named."""
    check_supported(call)
    asked = call.input
    upload = _upload(server, call)
    chosen = _chosen(asked.get("MultipartUpload", {}).get("Parts", []), server.uploads.parts(upload))
    size = sum(part.size for part in chosen)
    if asked.get("MpuObjectSize") not in {None, size}:
        told = f"The provided 'x-amz-mp-object-size' header does not match the object's size, {size}."
        raise Refused("InvalidRequest", told)
    checksums = _checksums(server, upload, chosen)
    for name, value in given_checksums(asked).items():
        if checksums.get(name) not in {value, f"{value}-{len(chosen)}"}:
            raise Refused("BadDigest", f"The {name} you specified did not match the calculated checksum.")
    info = server.uploads.complete(upload, chosen, checksums, write_condition(asked))
    return {
        "Location": f"{call.base_url}/{upload.bucket}/{upload.key}",
        "Bucket": upload.bucket,
        "Key": upload.key,
        "ETag": quoted(info.etag),
        **members(checksums),
    }


def abort_multipart_upload(server: "Server", call: Call) -> Members:
    """End an upload without an object."""
    check_supported(call)
    server.uploads.abort(_upload(server, call))
    return {}


def list_parts(server: "Server", call: Call) -> Members:
    """A page of the parts that are there."""
    check_supported(call)
    asked = call.input
    upload = _upload(server, call)
    limit, after = min(asked.get("MaxParts", _PAGE), _PAGE), asked.get("PartNumberMarker", 0)
    parts = [part for part in server.uploads.parts(upload) if part.number > int(after)]
    shown = parts[:limit]
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        **({"NextPartNumberMarker": shown[-1].number} if shown else {}),
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.modified,
                "ETag": quoted(part.etag),
                "Size": part.size,
                **{f"Checksum{name}": value for name, value in part.checksums.items()},
            }
            for part in shown
        ],
        "Initiator": owner(call),
        "Owner": owner(call),
        "StorageClass": "STANDARD",
        **({"ChecksumAlgorithm": upload.algorithm, "ChecksumType": _type(upload)} if upload.algorithm else {}),
    }


def list_multipart_uploads(server: "Server", call: Call) -> Members:
    """A page of the uploads that are under way."""
    asked = call.input
    bucket = found(server, call)
    if "Delimiter" in asked:
        raise Refused("NotImplemented", "Uploads are not listed by Delimiter here.")
    limit = min(asked.get("MaxUploads", _PAGE), _PAGE)
    marker, upload_marker = asked.get("KeyMarker", ""), asked.get("UploadIdMarker", "")
    every = list(server.uploads.under_way(bucket.name, asked.get("Prefix", "")))
    ids = [upload.id for upload in every if upload.key == marker]
    met = set(ids[: ids.index(upload_marker) + 1]) if upload_marker in ids else set(ids)
    rest = [upload for upload in every if upload.key >= marker and upload.id not in met] if marker else every
    shown = rest[:limit]
    truncated = len(rest) > limit and bool(shown)
    return {
        "Bucket": bucket.name,
        "KeyMarker": marker,
        "UploadIdMarker": upload_marker,
        "Prefix": asked.get("Prefix", ""),
        "MaxUploads": limit,
        "IsTruncated": truncated,
        **({"NextKeyMarker": shown[-1].key, "NextUploadIdMarker": shown[-1].id} if truncated else {}),
        "Uploads": [
            {
                "UploadId": upload.id,
                "Key": upload.key,
                "Initiated": upload.initiated,
                "StorageClass": "STANDARD",
                "Owner": owner(call),
                "Initiator": owner(call),
            }
            for upload in shown
        ],
    }


def _upload(server: "Server", call: Call) -> Upload:
    return server.uploads.find(call.input["Bucket"], call.input["Key"], call.input["UploadId"])


def _number(call: Call) -> int:
    number: int = call.input["PartNumber"]
    if not 1 <= number <= MOST_PARTS:
        told = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise Refused("InvalidArgument", told)
    return number


def _kept(server: "Server", upload: Upload, part: Part) -> Part:
    return next(each for each in server.uploads.parts(upload) if each.number == part.number)


def _type(upload: Upload) -> str:
    return "FULL_OBJECT" if upload.whole_checksum else "COMPOSITE"


def _chosen(named: Sequence[Mapping[str, Any]], there: Sequence[Part]) -> list[Part]:
    """The parts a completion names. Raises: Refused: one is not there, is another, is too small, or out of order."""
    if not named:
        told = "The XML you provided was not well-formed or did not validate against our published schema"
        raise Refused("MalformedXML", told)
    numbers = [each.get("PartNumber", 0) for each in named]
    if any(first >= second for first, second in pairwise(numbers)):
        told = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise Refused("InvalidPartOrder", told)
    by_number = {part.number: part for part in there}
    chosen = list[Part]()
    for each in named:
        part = by_number.get(each.get("PartNumber", 0))
        if part is None or unquoted(each.get("ETag", "")) != part.etag or not _same(given_checksums(each), part):
            told = (
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
                "specified entity tag may not match the part's entity tag."
            )
            raise Refused("InvalidPart", told)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            told = "Your proposed upload is smaller than the minimum allowed size"
            raise Refused("EntityTooSmall", told)
    return chosen


def _same(given: Mapping[str, str], part: Part) -> bool:
    return all(part.checksums.get(name) == value for name, value in given.items())


def _checksums(server: "Server", upload: Upload, chosen: Sequence[Part]) -> dict[str, str]:
    if upload.algorithm is None:
        return {}
    if upload.whole_checksum:
        return {upload.algorithm: checksum(upload.algorithm, server.uploads.content(chosen))}
    return {upload.algorithm: of_parts(upload.algorithm, [part.checksums[upload.algorithm] for part in chosen])}
