"""Access policies of topics: kept and shown as SNS does, edited by label. They are not enforced by this server."""

import json
from collections.abc import Sequence

from watchpost.topics.limits import invalid

_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)


def default_policy(topic_arn: str, account: str) -> str:
    """The policy of a topic that was given none, as SNS writes it."""
    statement = {
        "Effect": "Allow",
        "Sid": "__default_statement_ID",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _ACTIONS],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return _encoded({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def check_policy(text: str, prefix: str) -> None:
    """Raise Refused unless it is a JSON object with statements."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list | dict):
        raise invalid(f"{prefix}Policy Error: null")


def with_permission(policy: str, topic_arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """The policy with one more statement.

    Raises: Refused: a statement has that label, or an action is not one of a topic's.
    """
    document, statements = _read(policy)
    if any(statement.get("Sid") == label for statement in statements):
        raise invalid("Statement already exists")
    for action in actions:
        if action not in _ACTIONS:
            raise invalid("Policy statement action out of service scope!")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    verbs = [f"SNS:{action}" for action in actions]
    added = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": verbs[0] if len(verbs) == 1 else verbs,
        "Resource": topic_arn,
    }
    return _encoded(document | {"Statement": [*statements, added]})


def without_permission(policy: str, label: str) -> str:
    """The policy without the statement of that label; the same if there is none."""
    document, statements = _read(policy)
    return _encoded(document | {"Statement": [s for s in statements if s.get("Sid") != label]})


def _read(policy: str) -> tuple[dict[str, object], list[dict[str, object]]]:
    document = json.loads(policy)
    statements = document["Statement"]
    return document, statements if isinstance(statements, list) else [statements]


def _encoded(policy: dict[str, object]) -> str:
    return json.dumps(policy, separators=(",", ":"))
