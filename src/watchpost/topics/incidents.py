"""One message per incident: what people are told, out of everything that was published.

An incident of an alarm begins when it leaves OK and ends when it is OK again. While it lasts, each state is told once;
news of a state that was told already is held back and counted, unless `repeat` has passed since, and the OK that ends
it says how long it lasted. Nothing is ever held back for good: an alarm that comes out of OK is a new incident, even if
nobody was told of that OK.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watchpost.topics.alarm_news import AlarmNews, alarm_news, alarm_text, duration
from watchpost.topics.messages import chosen_body
from watchpost.topics.topic import Message

# So many messages of one window are told in full, so many more by their subject: a storm must stay readable.
_IN_FULL, _BY_NAME = 25, 200


@dataclass(frozen=True, slots=True)
class Told:
    """What a subscription was told of an alarm in the incident that lasts.

    `states` with the instants they were last told, `since` when the incident began, `latest` the latest change heard
    of, `held` how much news was held back.
    """

    alarm: str
    since: datetime
    latest: datetime
    states: tuple[tuple[str, datetime], ...]
    held: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to people: one subject, one text; `alarms` are the ARNs it speaks of."""

    subject: str
    text: str
    alarms: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """A letter in the making: paragraphs in the order their subjects came up."""

    paragraphs: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)


def compose(
    waiting: Sequence[Message],
    told: Mapping[str, Told],
    now: datetime,
    repeat: timedelta,
    protocol: str,
    sender: str,
    base_url: str,
) -> tuple[Letter | None, dict[str, Told | None]]:
    """One letter out of the messages that wait for a subscription, and what is remembered of its alarms.

    Args: waiting: in the order they were published. told: by alarm ARN. sender: names the topic in a subject where the
    message has none. Returns: the letter, None if all of it was told already; and the changes to `told`, None where an
    incident ended.
    """
    draft, changes = _Draft(), dict[str, Told | None]()
    for message in waiting:
        news = alarm_news(message)
        if news is None:
            _add_plain(draft, message, protocol, sender)
            continue
        before = changes[news.arn] if news.arn in changes else told.get(news.arn)
        text, after = _judge(news, before, now, repeat)
        if after is not before:
            changes[news.arn] = after
        if text is not None:
            own = chosen_body(message, protocol) if message.structured else alarm_text(message, news, base_url)
            _add_alarm(draft, news, own + text, message.subject or f'{news.state}: "{news.name}"')
    return _letter(draft), changes


def _judge(news: AlarmNews, before: Told | None, now: datetime, repeat: timedelta) -> tuple[str | None, Told | None]:
    """What to add to the news' own text, None if it is not told; and what is remembered then."""
    if news.state == "OK":
        return ("" if before is None else _ending(news, before)), None
    fresh = before is None or (news.previous == "OK" and news.changed > before.latest)
    if before is None or fresh:
        return "", Told(news.arn, news.changed, news.changed, ((news.state, now),))
    states = dict(before.states)
    latest = max(before.latest, news.changed)
    if news.state in states and now - states[news.state] < repeat:
        return None, replace(before, latest=latest, held=before.held + 1)
    repeated = news.state in states
    states[news.state] = now
    lasting = f"\nThis incident has lasted for {duration(news.changed - before.since)}." if repeated else ""
    return lasting, replace(before, latest=latest, states=tuple(states.items()))


def _ending(news: AlarmNews, before: Told) -> str:
    text = f"\nThe incident lasted {duration(news.changed - before.since)}, since {before.since:%Y-%m-%d %H:%M:%S} UTC."
    if before.held:
        text += f" {before.held} further notification{'s were' if before.held > 1 else ' was'} held back."
    return text


def _add_alarm(draft: _Draft, news: AlarmNews, text: str, subject: str) -> None:
    earlier = draft.paragraphs.pop(news.arn, None)
    # What changed within the window is told as one story, in order.
    draft.paragraphs[news.arn] = text if earlier is None else f"{earlier}\nThen:\n{text}"
    draft.subjects.pop(news.arn, None)
    draft.subjects[news.arn] = subject


def _add_plain(draft: _Draft, message: Message, protocol: str, sender: str) -> None:
    text = message.readable if message.readable is not None and not message.structured else None
    text = chosen_body(message, protocol) if text is None else text
    subject = message.subject or sender
    key = f"{message.subject}\n{text}"
    draft.paragraphs[key], draft.subjects[key] = text, subject
    draft.copies[key] = draft.copies.get(key, 0) + 1


def _letter(draft: _Draft) -> Letter | None:
    if not draft.paragraphs:
        return None
    texts = [
        text + (f"\n(published {draft.copies[key]} times)" if draft.copies.get(key, 0) > 1 else "")
        for key, text in draft.paragraphs.items()
    ]
    alarms = tuple(key for key in draft.paragraphs if key not in draft.copies)
    subjects = [draft.subjects[key] for key in draft.paragraphs]
    if len(texts) == 1:
        return Letter(subjects[0], texts[0], alarms)
    first = f"{len(texts)} messages: {subjects[0]}"
    told = list(zip(subjects, texts, strict=True))
    blocks = [f"{subject}\n{'-' * min(len(subject), 60)}\n{text}" for subject, text in told[:_IN_FULL]]
    if len(told) > _IN_FULL:
        named = [subject for subject, _ in told[_IN_FULL : _IN_FULL + _BY_NAME]]
        rest = len(told) - _IN_FULL - len(named)
        blocks.append("\n".join(["Further messages:", *named, *([f"… and {rest} more"] if rest else [])]))
    return Letter(first, "\n\n".join(blocks), alarms)
