"""What AWS has no operation for: dead letters, seen and decided about by people; monitoring runs asked for."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws import monitoring_runs
from watchpost.fronts.aws.operation import AwsService, Call
from watchpost.service.dead_letters import DeadLetter, DeadLetters
from watchpost.service.server import Server

_PAGE = 100


def list_dead_letters(server: Server, call: Call) -> Mapping[str, Any]:
    """A page of dead letters; those that a filter leaves out count, so a page may be empty and not the last."""
    given = call.input
    limit, outcome = given.get("MaxResults", _PAGE), given.get("Outcome")
    found = _letters(server).page(given.get("Queue", ""), _after(given.get("NextToken")), limit + 1)
    page = found[:limit]
    shown = [_shown(key, letter) for key, letter in page if outcome in (None, letter.outcome)]
    token = {"NextToken": urlsafe_b64encode(page[-1][0].encode()).decode()} if len(found) > limit else {}
    return {"DeadLetters": shown, **token}


def get_dead_letter(server: Server, call: Call) -> Mapping[str, Any]:
    """One dead letter with the work itself."""
    key = call.input["Key"]
    letter = _letters(server).describe(key)
    return {"DeadLetter": _shown(key, letter), "Body": letter.body.decode(errors="replace")}


def redrive_dead_letter(server: Server, call: Call) -> Mapping[str, Any]:
    """Put it back into its queue."""
    return {"Task": _letters(server).redrive(call.input["Key"], call.access_key or "")}


def drop_dead_letter(server: Server, call: Call) -> None:
    """Forget it."""
    _letters(server).drop(call.input["Key"], call.access_key or "")


def _letters(server: Server) -> DeadLetters:
    return DeadLetters(server.store, server.clock)


def _after(token: str | None) -> str:
    if token is None:
        return ""
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise Refused("ValidationException", "NextToken is none that this server gave out.") from None


def _shown(key: str, letter: DeadLetter) -> Mapping[str, Any]:
    return {
        "Key": key,
        "Queue": letter.queue,
        "Outcome": letter.outcome,
        "Reason": letter.why,
        "Subject": letter.subject,
        "Attempts": letter.attempts,
        "EnqueuedAt": letter.enqueued,
        "DiedAt": letter.at,
    }


plugin = AwsService(
    name="watchpost",
    operations={
        "DropDeadLetter": drop_dead_letter,
        "GetDeadLetter": get_dead_letter,
        "ListDeadLetters": list_dead_letters,
        "RedriveDeadLetter": redrive_dead_letter,
        **monitoring_runs.OPERATIONS,
    },
)
