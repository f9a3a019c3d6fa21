"""What a published message says about an alarm, and how people are told it.

Source: the alarm notification of CloudWatch, a JSON object with AlarmName, NewStateValue, … as the message's text.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from watchpost.topics.topic import Message


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """An alarm went into a state. `changed` is when, `previous` the state before."""

    arn: str
    name: str
    state: str
    previous: str
    changed: datetime
    reason: str
    description: str


class _Body(msgspec.Struct):
    AlarmName: str
    NewStateValue: str
    OldStateValue: str
    StateChangeTime: str
    AlarmArn: str
    NewStateReason: str = ""
    AlarmDescription: str | None = None


def alarm_news(message: Message) -> AlarmNews | None:
    """The news of an alarm in a message; None if it is about something else."""
    if "NewStateValue" not in message.body:
        return None
    try:
        body = msgspec.json.decode(message.body, type=_Body)
        changed = datetime.strptime(body.StateChangeTime, "%Y-%m-%dT%H:%M:%S.%f%z")
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return None
    return AlarmNews(
        arn=body.AlarmArn,
        name=body.AlarmName,
        state=body.NewStateValue,
        previous=body.OldStateValue,
        changed=changed.astimezone(UTC),
        reason=body.NewStateReason,
        description=body.AlarmDescription or "",
    )


def alarm_text(message: Message, news: AlarmNews, base_url: str) -> str:
    """The paragraph about an alarm: state, cause, since when, link.

    The publisher's own readable text where there is one.
    """
    if message.readable is not None:
        return message.readable.rstrip()
    lines = [f"{news.name} is {news.state}" + (f" (was {news.previous})" if news.previous else "") + "."]
    if news.description:
        lines.append(news.description)
    if news.reason:
        lines.append(f"Cause: {news.reason}")
    lines += [f"Since: {news.changed:%Y-%m-%d %H:%M:%S} UTC", f"Details: {alarm_url(base_url, news.name)}"]
    return "\n".join(lines)


def alarm_url(base_url: str, name: str) -> str:
    """The address of an alarm's page."""
    return f"{base_url.rstrip('/')}/alarms/{quote(name, safe='')}"


def duration(length: timedelta) -> str:
    """A length of time in its two largest units.

    >>> duration(timedelta(hours=2, minutes=5, seconds=7)), duration(timedelta(seconds=3)), duration(timedelta(days=1))
    ('2 h 5 min', '3 s', '1 d')
    """
    seconds = max(int(length.total_seconds()), 0)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
