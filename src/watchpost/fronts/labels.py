"""`watchpost labels`: upload what turned out to be true, where the endpoint's monitors look for it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING
from uuid import uuid4

import click

from watchpost.errors import InputError
from watchpost.fronts.exit_codes import errors_as_exit_code
from watchpost.fronts.running_server import SERVER, answers_of, session_with_server

if TYPE_CHECKING:
    from botocore.client import BaseClient  # type: ignore[import-untyped]  # botocore ships no type information
    from botocore.session import Session  # type: ignore[import-untyped]  # as above

    from watchpost.fronts.label_files import LabelColumns

# A part is read whole by whoever merges it, and S3 takes no more than 5 GiB at once.
_PART_BYTES = 64 << 20
_WITH_LABELS = ("ModelQuality", "ModelBias")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--endpoint", help="Whose predictions the labels belong to; its monitoring schedules say where to put them."
)
@click.option("--to", "prefix", metavar="S3_URI", help="Put them here instead: the GroundTruthS3Input of a schedule.")
@click.option("--id", "id_column", help="Column of inference ids.  [default: event_id, inference_id, id, …]")
@click.option("--label", "label_column", help="Column of labels.  [default: label, ground_truth, …]")
@click.option(
    "--no-header", is_flag=True, help="CSV files do not name their columns: the id comes first, then the label."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "json", "parquet", "ground-truth"]),
    help="If it cannot be told.",
)
@click.option("--at", help="When the labels were collected, ISO 8601.  [default: now]")
@SERVER
@click.option("--json", "as_json", is_flag=True, help="Print what was uploaded as JSON.")
def labels(
    files: tuple[str, ...],
    endpoint: str | None,
    prefix: str | None,
    id_column: str | None,
    label_column: str | None,
    no_header: bool,
    form: str | None,
    at: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Upload labels, so that model quality and bias can be judged.

    FILE is a file, folder, glob or s3:// URI of CSV, JSON lines or Parquet with a column of inference ids (or captured
    event ids) and a column of labels; or of ground truth JSON lines. Nothing is uploaded unless every record is whole.
    The server is the one that AWS_ENDPOINT_URL names, or the one of --home, or of ./.watchpost.

    \b
    Examples:
      watchpost labels sold.csv --endpoint resale-price
      watchpost labels 'labels/2026-11-*.parquet' --endpoint churn --id request_id --label churned
      watchpost labels late.jsonl --to s3://bucket/ground-truth/churn --at 2026-11-20T06:00Z
    """
    from watchpost.fronts.label_files import LabelColumns

    with errors_as_exit_code():
        columns = LabelColumns(id_column, label_column, not no_header, form)
        place = _Place.of(prefix) if prefix else None
        count, uploaded = _upload(files, columns, place, endpoint, _instant(at), home)
    if as_json:
        click.echo(json.dumps({"labels": count, "objects": uploaded}))
    else:
        click.echo(f"{count:,} {'label' if count == 1 else 'labels'} uploaded:")
        click.echo("\n".join(f"  {uri}" for uri in uploaded))


def _upload(
    files: Iterable[str],
    columns: "LabelColumns",
    place: "_Place | None",
    endpoint: str | None,
    at: datetime,
    home: Path | None,
) -> tuple[int, list[str]]:
    """How many labels there are, and the URIs of the objects they went into."""
    session, url = session_with_server(home)
    with TemporaryFile() as spool:
        parts = _spooled(spool, files, columns)
        with answers_of(url):
            s3 = session.create_client("s3", endpoint_url=url)
            places = [place] if place else _places(session, url, endpoint)
            uploaded = [uri for each in places for uri in _uploaded(s3, each, spool, parts, at)]
    return sum(part.count for part in parts), uploaded


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the spooled lines: where it begins and ends, and how many labels it has."""

    start: int
    end: int
    count: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A prefix in a bucket, without a slash at its end."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, uri: str) -> "_Place":
        scheme, _, rest = uri.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise InputError(f"{uri!r} is no place for labels: give one like s3://bucket/ground-truth.")
        return cls(bucket, prefix.strip("/"))


def _spooled(spool: IO[bytes], files: Iterable[str], columns: "LabelColumns") -> list[_Part]:
    """All lines, read and found whole before anything is uploaded."""
    from watchpost.fronts.label_files import label_records

    parts, start, count = list[_Part](), 0, 0
    for line in label_records(files, columns):
        spool.write(line)
        count += 1
        if spool.tell() - start >= _PART_BYTES:
            parts.append(_Part(start, spool.tell(), count))
            start, count = spool.tell(), 0
    if count:
        parts.append(_Part(start, spool.tell(), count))
    if not parts:
        raise InputError("The files hold no label.")
    return parts


def _uploaded(s3: "BaseClient", place: _Place, spool: IO[bytes], parts: Iterable[_Part], at: datetime) -> Iterator[str]:
    """Upload every part into the hour folder of that instant; the objects' URIs."""
    for part in parts:
        spool.seek(part.start)
        name = f"{at:%Y/%m/%d/%H/%M-%S}-{at.microsecond // 1000:03d}-{uuid4()}.jsonl"
        key = f"{place.prefix}/{name}" if place.prefix else name
        s3.put_object(
            Bucket=place.bucket,
            Key=key,
            Body=spool.read(part.end - part.start),
            ContentType="application/jsonlines",
        )
        yield f"s3://{place.bucket}/{key}"


def _places(session: "Session", url: str, endpoint: str | None) -> list[_Place]:
    """Where the schedules of the endpoint (of all, without one) look for labels.

    An endpoint that no such schedule watches yet gets a place in the default bucket.
    Raises: InputError: there is no such endpoint; without one, not exactly one place.
    """
    sagemaker = session.create_client("sagemaker", endpoint_url=url)
    found = sorted(set(_ground_truth_uris(sagemaker, endpoint)))
    if endpoint is None:
        if len(found) != 1:
            seen = (
                f"the schedules of this server read labels from {', '.join(found)}"
                if found
                else "no schedule reads labels"
            )
            raise InputError(f"Where do the labels belong? Give --endpoint or --to: {seen}.")
        return [_Place.of(found[0])]
    if found:
        return [_Place.of(uri) for uri in found]
    sagemaker.describe_endpoint(EndpointName=endpoint)  # a typo is told now, not when no label is ever met
    account = session.create_client("sts", endpoint_url=url).get_caller_identity()["Account"]
    bucket = f"sagemaker-{sagemaker.meta.region_name}-{account}"
    s3 = session.create_client("s3", endpoint_url=url)
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
    place = _Place(bucket, f"model-monitor/ground-truth/{endpoint}")
    said = f"no schedule of {endpoint} reads labels yet; give it this GroundTruthS3Input: s3://{bucket}/{place.prefix}"
    click.echo(f"watchpost: {said}", err=True)
    return [place]


def _ground_truth_uris(sagemaker: "BaseClient", endpoint: str | None) -> Iterator[str]:
    pages = sagemaker.get_paginator("list_monitoring_schedules")
    for page in pages.paginate(**({"EndpointName": endpoint} if endpoint else {})):
        for summary in page["MonitoringScheduleSummaries"]:
            kind, name = summary.get("MonitoringType"), summary.get("MonitoringJobDefinitionName")
            if kind not in _WITH_LABELS or name is None:
                continue
            bias, quality = (
                sagemaker.describe_model_bias_job_definition,
                sagemaker.describe_model_quality_job_definition,
            )
            describe = quality if kind == "ModelQuality" else bias
            given = describe(JobDefinitionName=name)[f"{kind}JobInput"]
            yield given["GroundTruthS3Input"]["S3Uri"].rstrip("/")


def _instant(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(at)
    except ValueError:
        raise InputError(f"--at {at!r} is no instant: give one like 2026-11-20T06:00Z.") from None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
