"""Lines of many calls at once: the same lines as one by one, whatever passes."""

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251  of laws' own seeds, as a writer has one

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchpost.capture.collector import Collector, Progress
from watchpost.capture.config import CaptureConfig
from watchpost.capture.record import CapturedCall, Transcriber, handed
from watchpost.capture.slices import FEWEST, event_ids, lines_at_once

NOW = 1574292792.9  # 2019-11-20T23:33:12Z
NEXT_HOUR = 1574294400.0

# What JSON escapes, what UTF-8 can break in the middle of, and what an escaped separator looks like.
_PIECES = ['"', "\\", "\n", "\x1f", "\x7f", "/", "\0", "\\u0000", "u0000", "1,2.5", '{"a": "b"}', "Æ", "\u2028", "𝄞"]
hostile = st.lists(st.sampled_from([*map(str.encode, _PIECES), b"\xc3", b"\xa9", b"\xff"]), max_size=5).map(b"".join)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12).map(str.encode)
text_types = st.sampled_from(["text/csv", "Text/CSV; header=absent", "application/json"])
types = st.one_of(text_types, st.sampled_from(["", "image/png", "text/csv; charset=latin-1"]))
events = st.one_of(st.none(), st.integers(0, 2**128 - 1))
instants = st.one_of(st.none(), st.floats(NOW - 5, NOW + 5), st.just(NOW))
names = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
plain_calls = st.builds(
    CapturedCall, texts, texts, text_types, text_types, names, st.just(()), instants, events, st.just(""), st.just("")
)
any_calls = st.builds(
    CapturedCall,
    st.one_of(st.none(), hostile),
    hostile,
    types,
    types,
    names,
    st.sampled_from([(), (), (), ("k=v",)]),
    st.one_of(instants, st.just(NEXT_HOUR)),
    events,
    st.sampled_from(["", "", "", "gzip"]),
    st.just(""),
)


def one_by_one(calls: list[CapturedCall], lines: list[bytes], transcriber: Transcriber) -> list[bytes | str]:
    """The calls' lines as the exact way makes them, with the ids that are in these lines."""
    ids = [uuid.UUID(line.partition(b'"eventId":"')[2][:36].decode()) for line in lines]
    return [
        transcriber.line(call, NOW if call.at is None else call.at, event.int)
        for call, event in zip(calls, ids, strict=True)
    ]


@given(st.lists(plain_calls, min_size=1, max_size=20))
def test_plain_calls_are_written_at_once_as_they_would_be_one_by_one(calls: list[CapturedCall]) -> None:
    transcriber = Transcriber(CaptureConfig())
    made = lines_at_once(list(map(handed, calls)), NOW, transcriber, Random(1).randbytes)
    assert made is not None
    lines = made.body.splitlines(keepends=True)
    assert lines == one_by_one(calls, lines, transcriber)
    assert made.records == len(calls)
    assert made.at == min(NOW if call.at is None else call.at for call in calls)


@given(st.lists(any_calls, min_size=1, max_size=6))
@example([CapturedCall(b"\xc3", b"\xa9", "text/csv", "text/csv"), CapturedCall(b"\xa9", b"", "text/csv", "text/csv")])
@example([CapturedCall(b"\\", b"u0000", "text/csv", "text/csv"), CapturedCall(b"\\u0000", b"", "text/csv", "text/csv")])
def test_whatever_passes_no_other_line_is_written_than_one_by_one(calls: list[CapturedCall]) -> None:
    transcriber = Transcriber(CaptureConfig())
    made = lines_at_once(list(map(handed, calls)), NOW, transcriber, Random(1).randbytes)
    if made is not None:
        lines = made.body.splitlines(keepends=True)
        assert lines == one_by_one(calls, lines, transcriber)


PLAIN = CapturedCall(b"1,2", b"0.5", "text/csv", "text/csv", at=NOW)


@pytest.mark.parametrize(
    "odd",
    [
        replace(PLAIN, custom_attributes=("k=v",)),
        replace(PLAIN, input=None),
        replace(PLAIN, output=None),
        replace(PLAIN, input_type="image/png"),
        replace(PLAIN, output_type="text/csv; charset=latin-1"),
        replace(PLAIN, input_coding="gzip"),
        replace(PLAIN, output_coding="identity"),
        replace(PLAIN, input=b"\0"),
        replace(PLAIN, output=b"\xff"),
        replace(PLAIN, at=NEXT_HOUR),
        replace(PLAIN, at=float("nan")),
    ],
)
def test_one_odd_call_makes_all_be_looked_into(odd: CapturedCall) -> None:
    made = lines_at_once(list(map(handed, [PLAIN, odd, PLAIN])), NOW, Transcriber(CaptureConfig()), Random(1).randbytes)
    assert made is None


@dataclass
class Lake:
    """A destination in memory."""

    files: dict[str, bytes] = field(default_factory=dict)
    name = "lake://"

    def write(self, key: str, body: bytes) -> None:
        self.files[key] = body


def collected(calls: list[CapturedCall], config: CaptureConfig = CaptureConfig()) -> tuple[list[bytes], Progress]:  # noqa: B008  a frozen value
    """What the background thread makes of a slice of the queue: the lines of each hour's file, and the account."""
    lake = Lake()
    collector = Collector(config, lake, "endpoint/variant", Path("/nowhere"), Random(1))
    collector.collect(list(map(handed, calls)), NOW)
    collector.write_due(NOW, everything=True)
    files = [lake.files[key] for key in sorted(lake.files)]
    return [line for body in files for line in body.splitlines(keepends=True)], collector.progress()


@given(st.lists(st.one_of(plain_calls, any_calls), min_size=FEWEST, max_size=3 * FEWEST), st.integers(0, 2**64))
def test_odd_calls_among_plain_ones_change_neither_their_neighbours_nor_the_order(
    calls: list[CapturedCall], seed: int
) -> None:
    drawn, transcriber = Random(seed), Transcriber(CaptureConfig())
    calls = [replace(call, event=drawn.getrandbits(128)) for call in calls]
    alone = [transcriber.line(call, NOW if call.at is None else call.at, call.event or 0) for call in calls]
    hours = [alone[i] for later in (False, True) for i in range(len(calls)) if (calls[i].at == NEXT_HOUR) is later]
    lines, progress = collected(calls)
    assert lines == [line for line in hours if isinstance(line, bytes)]
    assert (progress.captured, progress.safe, progress.faults) == (len(calls), len(calls), 0)


def test_a_call_that_cannot_be_written_costs_itself_only_among_many() -> None:
    calls = [CapturedCall(b"%d" % n, b"2", "text/csv", "text/csv", at=NOW) for n in range(100)]
    calls[40] = replace(calls[40], inference_id="\ud800")  # no text that UTF-8 can write
    calls[70] = replace(calls[70], at=float("nan"))
    lines, progress = collected(calls)
    assert [json.loads(line)["captureData"]["endpointInput"]["data"] for line in lines] == [
        str(n) for n in range(100) if n not in {40, 70}
    ]
    assert (progress.captured, progress.faults, progress.safe) == (98, 2, 100)


def test_a_body_above_the_cap_is_counted_among_many() -> None:
    calls = [CapturedCall(bytes(9 + n % 2), b"2", "text/csv", "text/csv", at=NOW) for n in range(40)]
    lines, progress = collected(
        [replace(c, input=b"1" * len(c.input or b"")) for c in calls], CaptureConfig(max_body_bytes=9)
    )
    assert (len(lines), progress.oversized) == (20, 20)


def test_large_bodies_are_not_joined_as_the_scan_would_hold_up_requests() -> None:
    calls = [CapturedCall(bytes(b"1" * 50_000), b"2", "text/csv", "text/csv", at=NOW)] * 32
    assert lines_at_once(list(map(handed, calls)), NOW, Transcriber(CaptureConfig()), Random(1).randbytes) is None
    assert len(collected(calls)[0]) == 32


@given(st.integers(0, 50), st.integers(0, 2**64))
def test_ids_that_are_drawn_together_are_random_uuids(count: int, seed: int) -> None:
    ids = event_ids(count, Random(seed).randbytes) if count else []
    made = [uuid.UUID(one.decode()) for one in ids]
    assert all((one.version, one.variant) == (4, uuid.RFC_4122) for one in made)
    assert [str(one).encode() for one in made] == ids
    assert len(set(made)) == count
