"""The environment variables that make unmodified AWS clients speak to a server of ours."""

from pathlib import Path

from watchpost.errors import Misconfigured
from watchpost.service.credentials import Credentials
from watchpost.service.home import address, facts, write_private

_SAGEMAKER = "sagemaker.yaml"


def environment(home: Path, profile: str) -> dict[str, str]:
    """Variable names and values for the server of a home folder.

    Raises: Misconfigured: the server never ran there, or there is no such profile.
    """
    url = address(home)
    if url is None:
        raise Misconfigured("--home", str(home), "a folder in which `watchpost serve` was started before")
    keys, about = Credentials(home).pair(profile), facts(home)
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": about.region,
        "AWS_DEFAULT_REGION": about.region,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        # Without it a client that finds no keys asks the cloud's metadata address and waits.
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / _SAGEMAKER),
    }


def write_sagemaker_config(home: Path, region: str, account: str) -> None:
    """The SageMaker SDK's own configuration.

    Its default bucket is found by asking STS at AWS itself, whatever the endpoint variables say; naming the bucket here
    spares the question. Telemetry would go there too.
    """
    write_private(
        home / _SAGEMAKER,
        "SchemaVersion: '1.0'\n"
        "SageMaker:\n"
        "  PythonSDK:\n"
        "    Modules:\n"
        "      TelemetryOptOut: true\n"
        "      Session:\n"
        f"        DefaultS3Bucket: sagemaker-{region}-{account}\n",
    )
