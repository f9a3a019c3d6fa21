"""What models print gets into the log group of their endpoint, whatever order it comes in; laws and the real log."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import ServerError
from watchpost.logs.admission import MOST_BYTES, check_batch, size
from watchpost.service.clock import ManualClock
from watchpost.service.endpoints.logs import EndpointLogs

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Log:
    """Takes batches by CloudWatch's rules, unless it is told that the database is away."""

    def __init__(self) -> None:
        self.away = False
        self.streams: dict[str, list[tuple[int, str]]] = {}

    def put(self, group: str, stream: str, events: Sequence[tuple[int, str]], now: datetime, create: bool) -> None:
        if self.away:
            raise ServerError("The database is locked.")
        check_batch([at for at, _ in events], size([text for _, text in events]))
        self.streams.setdefault(f"{group}|{stream}", []).extend(events)

    def texts(self) -> list[str]:
        return [text for events in self.streams.values() for _, text in events]


lines = st.tuples(st.floats(-5, 5), st.sampled_from(["one", "two"]), st.sampled_from(["short", "ü" * 8000]))


@given(st.lists(st.one_of(lines, st.just("flush"), st.just("away"), st.just("back")), max_size=40))
def test_no_line_is_lost_when_the_clock_jumps_and_the_database_is_away(
    steps: list[tuple[float, str, str] | str],
) -> None:
    log, clock, printed = Log(), ManualClock(NOON), list[str]()
    logs = EndpointLogs(log.put, clock)
    for number, step in enumerate(steps):
        match step:
            case (seconds, instance, text):
                clock.advance(seconds)
                printed.append(f"{number} {text}")
                logs.take("homes", "AllTraffic", instance, [printed[-1]])
            case "flush":
                logs.flush()
            case _:
                log.away = step == "away"
    log.away = False
    logs.flush()
    logs.flush()
    assert sorted(log.texts()) == sorted(printed)


def test_a_flood_of_long_lines_is_written_in_batches_that_are_taken() -> None:
    log = Log()
    logs = EndpointLogs(log.put, ManualClock(NOON))
    flood = [f"{number} {'x' * 8000}" for number in range(2 * MOST_BYTES // 8000)]
    logs.take("homes", "AllTraffic", "one", flood)
    logs.flush()
    assert log.texts() == flood
    assert list(log.streams) == ["/aws/sagemaker/Endpoints/homes|AllTraffic/one"]
