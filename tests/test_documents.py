"""Stored values come back as they were, from every version that was ever written, and never as a guess."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.documents import Kind
from watchpost.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Alarm:
    name: str
    threshold: float
    since: datetime
    tags: tuple[tuple[str, str], ...] = ()


def renamed(plain: dict[str, object]) -> dict[str, object]:
    return {"name": plain["title"], "threshold": plain["limit"], "since": plain["since"]}


def doubled(plain: dict[str, object]) -> dict[str, object]:
    return {**plain, "threshold": float(str(plain["threshold"])) * 2}


ALARM = Kind("alarm", Alarm, version=3, upgrades={1: renamed, 2: doubled})
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

alarms = st.builds(
    Alarm,
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.timedeltas(timedelta(), timedelta(days=40000)).map(NOON.__add__),
    st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
)


@given(alarms)
def test_a_value_comes_back_as_it_was(alarm: Alarm) -> None:
    assert ALARM.decode(ALARM.encode(alarm)) == alarm


def test_a_value_of_an_older_version_is_brought_up_step_by_step() -> None:
    first = b'{"v":1,"value":{"title":"cpu","limit":2.5,"since":"2026-07-01T12:00:00Z"}}'
    assert ALARM.decode(first) == Alarm("cpu", 5.0, NOON)


@pytest.mark.parametrize("value", ["[1, 2]", "null", '{"name":"a"}'])
def test_a_value_of_a_newer_version_is_refused_whatever_its_shape(value: str) -> None:
    with pytest.raises(StoreUnavailable, match="newer than this release"):
        ALARM.decode(f'{{"v":4,"value":{value}}}'.encode())


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"v":3,"value":{"name":1}}', b'{"v":0,"value":{}}', b'{"v":3,"value":', b"\xff"]
)
def test_what_cannot_be_read_is_told(body: bytes) -> None:
    with pytest.raises(StoreUnavailable, match="'alarm' document that cannot be read"):
        ALARM.decode(body)
