"""S3's operations on buckets."""

from typing import TYPE_CHECKING

from watchpost.errors import Refused
from watchpost.fronts.aws.operation import Call
from watchpost.fronts.aws.s3.requests import Members, check_supported
from watchpost.service.objects import create_bucket as make
from watchpost.service.objects import delete_bucket as remove
from watchpost.stores.objects.objects import BucketInfo, no_such_bucket

if TYPE_CHECKING:
    from watchpost.service.server import Server

_OLDEST = "us-east-1"


def found(server: "Server", call: Call) -> BucketInfo:
    """The bucket a call names. Raises: Refused: there is none."""
    check_supported(call)
    name = call.input["Bucket"]
    bucket = server.objects.bucket(name)
    if bucket is None:
        raise no_such_bucket()
    return bucket


def list_buckets(server: "Server", call: Call) -> Members:
    """All buckets, or those of a prefix, by name; in pages only if the call asks for them."""
    asked = call.input
    prefix, after, limit = asked.get("Prefix", ""), asked.get("ContinuationToken", ""), asked.get("MaxBuckets", 10_000)
    mine = [bucket for bucket in server.objects.buckets() if bucket.name.startswith(prefix) and bucket.name > after]
    here = asked.get("BucketRegion") in {None, call.region}
    shown = mine[:limit] if here else []
    return {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.created, "BucketRegion": call.region} for bucket in shown
        ],
        "Owner": owner(call),
        **({"Prefix": prefix} if prefix else {}),
        **({"ContinuationToken": shown[-1].name} if here and len(mine) > limit else {}),
    }


def create_bucket(server: "Server", call: Call) -> Members:
    """Make a bucket. In us-east-1 making one's own bucket again changes nothing, elsewhere it is an error, as in S3."""
    check_supported(call)
    name, wanted = call.input["Bucket"], call.input.get("CreateBucketConfiguration", {})
    place = wanted.get("LocationConstraint")
    if place not in {None, "", call.region}:
        incompatible = "location constraint is incompatible for the region specific endpoint this request was sent to."
        told = f"The {place} {incompatible}"
        raise Refused("IllegalLocationConstraintException", told)
    made = make(server.objects, server.store, name, call.access_key or "anonymous", call.now)
    if not made and call.region != _OLDEST:
        told = "Your previous request to create the named bucket succeeded and you already own it."
        raise Refused("BucketAlreadyOwnedByYou", told)
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


def delete_bucket(server: "Server", call: Call) -> Members:
    """Remove an empty bucket, with the uploads that are under way to it."""
    bucket = found(server, call)
    remove(server.objects, server.store, bucket.name, call.access_key or "anonymous", call.now)
    for upload in server.uploads.under_way(bucket.name):
        server.uploads.abort(upload)
    return {}


def head_bucket(server: "Server", call: Call) -> Members:
    """Whether there is a bucket."""
    bucket = found(server, call)
    return {"BucketRegion": call.region, "BucketArn": f"arn:aws:s3:::{bucket.name}"}


def get_bucket_location(server: "Server", call: Call) -> Members:
    """The region, which us-east-1 has no name for here."""
    found(server, call)
    return {} if call.region == _OLDEST else {"LocationConstraint": call.region}


def get_bucket_versioning(server: "Server", call: Call) -> Members:
    """Nothing: there are no versions."""
    found(server, call)
    return {}


def owner(call: Call) -> Members:
    """Who owns everything."""
    return {"DisplayName": "watchpost", "ID": call.account}
