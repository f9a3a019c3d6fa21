"""STS: who the caller is. There are no roles and no temporary credentials here, so that is all of it."""

from collections.abc import Mapping

from watchpost.fronts.aws.operation import AwsService, Call
from watchpost.service.server import Server


def get_caller_identity(server: Server, call: Call) -> Mapping[str, object]:
    """The owner of every access key is the account itself, as AWS shows a root user."""
    del server
    return {"UserId": call.account, "Account": call.account, "Arn": f"arn:aws:iam::{call.account}:root"}


plugin = AwsService(name="sts", operations={"GetCallerIdentity": get_caller_identity})
