"""S3's listings: pages of keys in order, keys with a common beginning rolled up into one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.buckets import found, owner
from watchpost.fronts.aws.s3.requests import Members, quoted
from watchpost.stores.objects.objects import ObjectInfo, Objects

if TYPE_CHECKING:
    from watchpost.service.server import Server

# The greatest character there is: behind every key that begins so.
_LAST = "\U0010ffff"
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Page:
    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    last: str
    more: bool


def list_objects_v2(server: "Server", call: Call) -> Members:
    """A page of a bucket's objects."""
    asked = call.input
    bucket = found(server, call)
    limit = _limit(asked)
    token, start = asked.get("ContinuationToken"), asked.get("StartAfter", "")
    prefix, delimiter = asked.get("Prefix", ""), asked.get("Delimiter", "")
    page = _page(server.objects, bucket.name, prefix, delimiter, _after(token) if token else start, limit)
    written = _writer(asked)
    who = {"Owner": owner(call)} if asked.get("FetchOwner") else {}
    return {
        "Name": bucket.name,
        "Prefix": written(prefix),
        **({"Delimiter": written(delimiter)} if delimiter else {}),
        **({"StartAfter": written(start)} if start else {}),
        **({"ContinuationToken": token} if token else {}),
        **({"EncodingType": asked["EncodingType"]} if "EncodingType" in asked else {}),
        "MaxKeys": limit,
        "KeyCount": len(page.objects) + len(page.prefixes),
        "IsTruncated": page.more,
        "Contents": [{**_listed(info, written), **who} for info in page.objects],
        "CommonPrefixes": [{"Prefix": written(text)} for text in page.prefixes],
        **({"NextContinuationToken": urlsafe_b64encode(page.last.encode()).decode()} if page.more else {}),
    }


def list_objects(server: "Server", call: Call) -> Members:
    """The same in the words of S3's first years."""
    asked = call.input
    bucket = found(server, call)
    limit, marker = _limit(asked), asked.get("Marker", "")
    prefix, delimiter = asked.get("Prefix", ""), asked.get("Delimiter", "")
    # A marker may be a common prefix, which was given out already with all that is in it.
    rolled = delimiter and marker.startswith(prefix) and marker.endswith(delimiter)
    page = _page(server.objects, bucket.name, prefix, delimiter, f"{marker}{_LAST}" if rolled else marker, limit)
    written = _writer(asked)
    return {
        "Name": bucket.name,
        "Prefix": written(prefix),
        "Marker": written(marker),
        **({"Delimiter": written(delimiter)} if delimiter else {}),
        **({"EncodingType": asked["EncodingType"]} if "EncodingType" in asked else {}),
        "MaxKeys": limit,
        "IsTruncated": page.more,
        "Contents": [{**_listed(info, written), "Owner": owner(call)} for info in page.objects],
        "CommonPrefixes": [{"Prefix": written(text)} for text in page.prefixes],
        **({"NextMarker": written(page.last.removesuffix(_LAST))} if page.more and delimiter else {}),
    }


def _page(objects: Objects, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> _Page:
    shown, rolled, last = list[ObjectInfo](), list[str](), after
    walk = objects.walk(bucket, prefix, after)
    if limit == 0:
        return _Page((), (), after, more=False)
    for info in walk:
        if len(shown) + len(rolled) == limit:
            return _Page(tuple(shown), tuple(rolled), last, more=True)
        end = info.key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            shown.append(info)
            last = info.key
        else:
            rolled.append(info.key[: end + len(delimiter)])
            last = f"{rolled[-1]}{_LAST}"
            walk.skip(last)
    return _Page(tuple(shown), tuple(rolled), last, more=False)


def _listed(info: ObjectInfo, written: Callable[[str], str]) -> Members:
    return {
        "Key": written(info.key),
        "LastModified": info.modified,
        "ETag": quoted(info.etag),
        "Size": info.size,
        "StorageClass": "STANDARD",
        **({"ChecksumAlgorithm": list(info.about.checksums)} if info.about.checksums else {}),
    }


def _limit(asked: Mapping[str, Any]) -> int:
    limit: int = asked.get("MaxKeys", _LARGEST_PAGE)
    if limit < 0:
        told = "Argument maxKeys must be an integer between 0 and 2147483647"
        raise Refused("InvalidArgument", told)
    return min(limit, _LARGEST_PAGE)


def _after(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise Refused("InvalidArgument", "The continuation token provided is incorrect") from None


def _writer(asked: Mapping[str, Any]) -> Callable[[str], str]:
    """How keys are written: XML cannot hold all characters, so clients may ask for them percent-encoded."""
    return (lambda text: quote(text, safe="/-_.~*")) if asked.get("EncodingType") == "url" else str
