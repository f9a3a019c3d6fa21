"""How late labels restate windows: the settings of a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from watchpost.errors import Refused
from watchpost.windows import parse_duration

RESTATE_AFTER = "watchpost_restate_after"
"""Environment of a job: how long late labels are gathered before a window is run again (`PT1H`); `never`: it is not."""

DEFAULT_RESTATE_AFTER = timedelta(hours=1)

LABEL_HORIZON = "watchpost_label_horizon"
"""Environment of a job: for how long labels may come late, so that a window is judged again (`P30D`)."""

DEFAULT_LABEL_HORIZON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Restating:
    """after: a window is run again at most once in so long. within: windows that are older are not."""

    after: timedelta
    within: timedelta


def restating_of(environment: Mapping[str, str]) -> Restating | None:
    """How windows of a job are restated; None: not by themselves. Raises: Refused: ValidationException."""
    text = environment.get(RESTATE_AFTER, "")
    if text.lower() == "never":
        return None
    after = _duration(RESTATE_AFTER, text, DEFAULT_RESTATE_AFTER)
    return Restating(after, _duration(LABEL_HORIZON, environment.get(LABEL_HORIZON, ""), DEFAULT_LABEL_HORIZON))


def _duration(name: str, text: str, default: timedelta) -> timedelta:
    try:
        found = parse_duration(text) if text else default
    except ValueError as problem:
        raise Refused("ValidationException", f"{name} in Environment is not valid. {problem}") from None
    if found < timedelta():
        raise Refused("ValidationException", f"{name} in Environment is {text!r}, which is below zero.")
    return found
