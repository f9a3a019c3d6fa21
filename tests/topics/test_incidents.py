"""People are told once per incident, of everything, and nothing is held back for good."""

import itertools
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from watchpost.topics.alarm_news import alarm_news
from watchpost.topics.incidents import Letter, Told, compose
from watchpost.topics.topic import Message

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


def news(state: str, before: str, minute: float, name: str = "drift", readable: str | None = None) -> Message:
    at = NOON + minute * MINUTE
    body = {
        "AlarmName": name,
        "AlarmDescription": "ages drift",
        "NewStateValue": state,
        "OldStateValue": before,
        "NewStateReason": "Threshold Crossed: 1 datapoint (0.3)",
        "StateChangeTime": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000",
        "AlarmArn": ARN + name,
    }
    return Message(f"m{minute}", "arn:t", json.dumps(body), f'{state}: "{name}" in US East', at, readable=readable)


def plain(text: str, subject: str | None = None) -> Message:
    return Message("p", "arn:t", text, subject, NOON)


def told_in_turn(*windows: list[Message], repeat: timedelta = 4 * 60 * MINUTE) -> list[Letter | None]:
    """The letters of windows that follow one another; each closes when its last message is published."""
    memory, letters = dict[str, Told](), list[Letter | None]()
    for window in windows:
        letter, changes = compose(window, memory, window[-1].at, repeat, "email", "topic", "http://w")
        letters.append(letter)
        for arn, after in changes.items():
            memory.pop(arn, None)
            if after is not None:
                memory[arn] = after
    return letters


def test_a_lone_message_keeps_its_subject_and_text() -> None:
    (letter,) = told_in_turn([plain("hello", "greeting")])
    assert letter == Letter("greeting", "hello", ())


def test_a_message_without_a_subject_gets_the_topics_name() -> None:
    (letter,) = told_in_turn([plain("hello")])
    assert letter is not None
    assert letter.subject == "topic"


def test_an_alarm_is_told_with_cause_since_when_and_a_link() -> None:
    (letter,) = told_in_turn([news("ALARM", "OK", 0)])
    assert letter is not None
    assert letter.subject == 'ALARM: "drift" in US East'
    assert letter.text == (
        "drift is ALARM (was OK).\nages drift\nCause: Threshold Crossed: 1 datapoint (0.3)\n"
        "Since: 2026-07-01 12:00:00 UTC\nDetails: http://w/alarms/drift"
    )
    assert letter.alarms == (ARN + "drift",)


def test_the_publishers_own_words_go_first() -> None:
    (letter,) = told_in_turn([news("ALARM", "OK", 0, readable="Ages drift since noon.\n")])
    assert letter is not None
    assert letter.text == "Ages drift since noon."


def test_the_same_state_is_told_once_while_the_incident_lasts_and_ok_says_how_long_it_was() -> None:
    letters = told_in_turn(
        [news("ALARM", "OK", 0)],
        [news("INSUFFICIENT_DATA", "ALARM", 10)],
        [news("ALARM", "INSUFFICIENT_DATA", 20)],
        [news("INSUFFICIENT_DATA", "ALARM", 30)],
        [news("OK", "INSUFFICIENT_DATA", 125)],
    )
    assert [letter is not None for letter in letters] == [True, True, False, False, True]
    assert letters[-1] is not None
    assert "The incident lasted 2 h 5 min, since 2026-07-01 12:00:00 UTC." in letters[-1].text
    assert "2 further notifications were held back." in letters[-1].text


def test_an_alarm_that_comes_out_of_ok_is_a_new_incident_even_if_nobody_was_told_of_the_ok() -> None:
    # Most alarms have actions for ALARM only: their OK is never published.
    letters = told_in_turn([news("ALARM", "OK", 0)], [news("ALARM", "OK", 30)])
    assert None not in letters


def test_the_same_change_published_twice_is_told_once() -> None:
    letters = told_in_turn([news("ALARM", "OK", 0)], [news("ALARM", "OK", 0)])
    assert letters[1] is None


def test_what_was_told_long_ago_is_told_again() -> None:
    letters = told_in_turn(
        [news("ALARM", "OK", 0)], [news("ALARM", "INSUFFICIENT_DATA", 59)], [news("ALARM", "INSUFFICIENT_DATA", 61)],
        repeat=60 * MINUTE,
    )  # fmt: skip
    assert [letter is not None for letter in letters] == [True, False, True]
    assert letters[2] is not None
    assert "This incident has lasted for 1 h 1 min." in letters[2].text


def test_messages_of_one_window_become_one_letter() -> None:
    (letter,) = told_in_turn([news("ALARM", "OK", 0, "a"), plain("hello", "greeting"), news("ALARM", "OK", 0, "b")])
    assert letter is not None
    assert letter.subject == '3 messages: ALARM: "a" in US East'
    assert letter.alarms == (ARN + "a", ARN + "b")
    assert letter.text.index("a is ALARM") < letter.text.index("hello") < letter.text.index("b is ALARM")


def test_a_message_published_again_and_again_is_told_once_with_the_count() -> None:
    (letter,) = told_in_turn([plain("disk full")] * 3)
    assert letter == Letter("topic", "disk full\n(published 3 times)", ())


def test_a_storm_stays_readable() -> None:
    (letter,) = told_in_turn([news("ALARM", "OK", 0, f"a{number}") for number in range(300)])
    assert letter is not None
    assert letter.subject.startswith("300 messages")
    assert (letter.text.count("Cause:"), letter.text.count("in US East")) == (25, 225)
    assert letter.text.endswith("… and 75 more")
    assert len(letter.alarms) == 300


def test_what_changes_within_a_window_is_one_story_with_its_end_in_the_subject() -> None:
    (letter,) = told_in_turn([news("ALARM", "OK", 0), news("OK", "ALARM", 1)])
    assert letter is not None
    assert letter.subject == 'OK: "drift" in US East'
    assert letter.text.index("is ALARM") < letter.text.index("Then:") < letter.text.index("lasted 1 min")


STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


@given(st.lists(st.sampled_from(STATES), min_size=1, max_size=12), st.data())
def test_every_change_into_or_out_of_ok_is_told_however_windows_fall(states: list[str], data: st.DataObject) -> None:
    path = [s for i, s in enumerate(states) if s != (["OK", *states])[i]]
    messages = [news(s, b, i) for i, (b, s) in enumerate(zip(["OK", *path], path, strict=False))]
    if not messages:
        return
    cuts = sorted(data.draw(st.sets(st.integers(1, len(messages)), max_size=4)) | {0, len(messages)})
    windows = [messages[a:b] for a, b in itertools.pairwise(cuts)]
    letters = told_in_turn(*windows)
    for window, letter in zip(windows, letters, strict=True):
        found = [alarm_news(m) for m in window]
        turning = any(n is not None and ("OK" in (n.state, n.previous)) for n in found)
        assert letter is not None or not turning


def test_a_message_that_only_resembles_an_alarm_is_plain() -> None:
    assert alarm_news(plain('{"NewStateValue": "ALARM"}')) is None
    assert alarm_news(plain("NewStateValue")) is None
