"""What many of S3's requests say alike: conditions, descriptions of objects, and what is not to be had here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.stores.objects.objects import DEFAULT_CONTENT_TYPE, About, Condition, ObjectInfo

Members = dict[str, Any]

# What would change the meaning of an object in ways this store does not know, and the value that changes nothing.
_WITHOUT_EFFECT: Mapping[str, frozenset[str]] = {
    "ACL": frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"}),
    "StorageClass": frozenset({"STANDARD"}),
    "ObjectOwnership": frozenset({"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"}),
}
_REFUSED = (
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWrite",
    "GrantWriteACP",
    "ServerSideEncryption",
    "SSECustomerAlgorithm",
    "SSEKMSKeyId",
    "CopySourceSSECustomerAlgorithm",
    "WebsiteRedirectLocation",
    "WriteOffsetBytes",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEnabledForBucket",
    "VersionId",
    "MFA",
    "BypassGovernanceRetention",
    "BucketNamespace",
)
_HEADERS = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
}
_METADATA_BYTES = 2048
_MOST_TAGS = 10


def check_supported(call: Call) -> None:
    """Refuse by name what is asked for and not to be had. Raises: Refused: NotImplemented, AccessDenied."""
    asked = call.input
    for name, harmless in _WITHOUT_EFFECT.items():
        if asked.get(name) not in {None, *harmless}:
            raise not_here(name, asked[name])
    for name in _REFUSED:
        # Of a store without versions the one version there is is called `null`.
        if asked.get(name) not in {None, False} and not (name == "VersionId" and asked[name] == "null"):
            raise not_here(name, asked[name])
    for name in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if asked.get(name) not in {None, call.account}:
            raise Refused("AccessDenied", "Access Denied")


def not_here(name: str, value: object) -> Refused:
    """The refusal of a member that asks for what is not to be had."""
    told = f"A header you provided implies functionality that is not implemented: {name} ({str(value)[:100]})."
    return Refused("NotImplemented", told)


def about_of(asked: Mapping[str, Any]) -> About:
    """What a request says of the object it makes. Raises: Refused: metadata or tags beyond S3's limits."""
    metadata = {name.lower(): value for name, value in asked.get("Metadata", {}).items()}
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > _METADATA_BYTES:
        told = "Your metadata headers exceed the maximum allowed metadata size"
        raise Refused("MetadataTooLarge", told)
    headers = {header: asked[name] for name, header in _HEADERS.items() if name in asked}
    if "content-encoding" in headers:
        # It speaks of the way the body came, not of the object.
        kept = [word for word in map(str.strip, headers["content-encoding"].split(",")) if word != "aws-chunked"]
        headers["content-encoding"] = ",".join(kept)
        if not kept:
            del headers["content-encoding"]
    if "Expires" in asked:
        headers["expires"] = _http_date(asked["Expires"])
    return About(
        asked.get("ContentType") or DEFAULT_CONTENT_TYPE, metadata, headers, tags=tags_of_header(asked.get("Tagging"))
    )


def description(info: ObjectInfo) -> Members:
    """What an answer says of an object, beside its content."""
    about = info.about
    return {
        "AcceptRanges": "bytes",
        "LastModified": info.modified,
        "ETag": quoted(info.etag),
        "ContentType": about.content_type,
        **{name: about.headers[header] for name, header in _HEADERS.items() if header in about.headers},
        **({"Expires": _date(about.headers["expires"])} if "expires" in about.headers else {}),
        "Metadata": about.metadata,
        **({"TagCount": len(about.tags)} if about.tags else {}),
    }


def tags_of_header(text: str | None) -> dict[str, str]:
    """Tags written like the parameters of a URL. Raises: Refused: they are none."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeDecodeError):
        told = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters."
        raise Refused("InvalidArgument", told) from None
    return checked_tags(pairs)


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Tags within S3's limits. Raises: Refused. Source: S3 User Guide, "Categorizing your objects using tags"."""
    if len(pairs) > _MOST_TAGS:
        raise Refused("BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise Refused("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in pairs:
        if not 1 <= len(key) <= 128:
            raise Refused("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256:
            raise Refused("InvalidTag", "The TagValue you have provided is invalid")
    return tags


def write_condition(asked: Mapping[str, Any]) -> Condition:
    """What a write asks of the object it replaces. Raises: Refused: it asks what S3 does not know either."""
    absent = asked.get("IfNoneMatch")
    if absent not in {None, "*"}:
        told = "A header you provided implies functionality that is not implemented: If-None-Match other than *"
        raise Refused("NotImplemented", told)
    etag = asked.get("IfMatch")
    return Condition(absent is not None, None if etag is None else unquoted(etag))


def check_read(info: ObjectInfo, asked: Mapping[str, Any], prefix: str = "") -> None:
    """The conditions of a read, or of the source of a copy. Raises: Refused: NotModified, PreconditionFailed.

    Args: prefix: `CopySource` for a copy, of which nothing is `not modified`. Source: RFC 9110, 13.2.2.
    """
    unchanged = Refused("PreconditionFailed" if prefix else "NotModified", "The object did not change.")
    failed = "At least one of the pre-conditions you specified did not hold"
    modified = info.modified.replace(microsecond=0)
    match, since = asked.get(f"{prefix}IfMatch"), asked.get(f"{prefix}IfUnmodifiedSince")
    if match is not None:
        if not _among(info.etag, match):
            raise Refused("PreconditionFailed", failed)
    elif since is not None and modified > since:
        raise Refused("PreconditionFailed", failed)
    none, after = asked.get(f"{prefix}IfNoneMatch"), asked.get(f"{prefix}IfModifiedSince")
    if none is not None:
        if _among(info.etag, none):
            raise unchanged
    elif after is not None and modified <= after:
        raise unchanged


def quoted(etag: str) -> str:
    """An ETag as HTTP writes it."""
    return f'"{etag}"'


def unquoted(etag: str) -> str:
    """An ETag as we write it, of what clients send."""
    return etag.strip().removeprefix("W/").strip('"')


def _among(etag: str, header: str) -> bool:
    return any(unquoted(each) in {"*", etag} for each in header.split(","))


def _http_date(instant: datetime) -> str:
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
