"""S3: buckets, objects, listings, uploads in parts; what the SageMaker SDK, the AWS CLI and data libraries need."""

from watchpost.fronts.aws.operation import AwsService
from watchpost.fronts.aws.s3 import attributes, buckets, lifecycle, listing, multipart, objects

_LARGEST_OBJECT = 5 * 1024**3

_WITHOUT = (
    "Objects are kept as they are: encryption keys, storage classes but STANDARD, access lists beyond the owner's, "
    "object locks and versions are refused by name."
)

plugin = AwsService(
    name="s3",
    operations={
        "AbortMultipartUpload": multipart.abort_multipart_upload,
        "CompleteMultipartUpload": multipart.complete_multipart_upload,
        "CopyObject": objects.copy_object,
        "CreateBucket": buckets.create_bucket,
        "CreateMultipartUpload": multipart.create_multipart_upload,
        "DeleteBucket": buckets.delete_bucket,
        "DeleteBucketLifecycle": lifecycle.delete_bucket_lifecycle,
        "DeleteObject": objects.delete_object,
        "DeleteObjectTagging": attributes.delete_object_tagging,
        "DeleteObjects": objects.delete_objects,
        "GetBucketLifecycleConfiguration": lifecycle.get_bucket_lifecycle_configuration,
        "GetBucketLocation": buckets.get_bucket_location,
        "GetBucketVersioning": buckets.get_bucket_versioning,
        "GetObject": objects.get_object,
        "GetObjectAttributes": attributes.get_object_attributes,
        "GetObjectTagging": attributes.get_object_tagging,
        "HeadBucket": buckets.head_bucket,
        "HeadObject": objects.head_object,
        "ListBuckets": buckets.list_buckets,
        "ListMultipartUploads": multipart.list_multipart_uploads,
        "ListObjects": listing.list_objects,
        "ListObjectsV2": listing.list_objects_v2,
        "ListParts": multipart.list_parts,
        "PutBucketLifecycleConfiguration": lifecycle.put_bucket_lifecycle_configuration,
        "PutObject": objects.put_object,
        "PutObjectTagging": attributes.put_object_tagging,
        "UploadPart": multipart.upload_part,
        "UploadPartCopy": multipart.upload_part_copy,
    },
    partial={
        "CopyObject": _WITHOUT,
        "CreateBucket": (
            "Access lists beyond the owner's and object locks are refused; a bucket has no settings but its lifecycle."
        ),
        "CreateMultipartUpload": _WITHOUT,
        "DeleteObject": "There are no versions: what is deleted is gone.",
        "DeleteObjects": "There are no versions: what is deleted is gone.",
        "GetBucketVersioning": "Always answers that versioning was never turned on.",
        "GetObjectAttributes": "Parts are told with their sizes, not with their checksums.",
        "ListMultipartUploads": "Delimiter is refused.",
        "PutBucketLifecycleConfiguration": (
            "Rules expire objects by Days, for a Prefix, Enabled or Disabled; files that a monitoring window still "
            "needs stay until it was run. Tags, sizes, dates, transitions, versions and aborted uploads are refused by "
            "name. "
            "With objects in a store elsewhere the call is refused: that store's own rules hold."
        ),
        "PutObject": f"{_WITHOUT} Checksums of the XXHASH family are refused.",
        "UploadPart": "Checksums of the XXHASH family are refused.",
    },
    body_limits={"PutObject": _LARGEST_OBJECT, "UploadPart": _LARGEST_OBJECT},
)
