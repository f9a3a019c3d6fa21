"""Operations that bring log events in and out."""

from collections.abc import Mapping
from typing import Any

from watchpost.errors import Refused
from watchpost.fronts.aws.logs.groups import named_group
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.logs.filter_pattern import compile_pattern
from watchpost.logs.records import Rejected
from watchpost.service.logs.groups import milliseconds
from watchpost.service.server import Server

Answer = Mapping[str, Any]


def put_log_events(server: Server, call: Call) -> Answer:
    """PutLogEvents."""
    events = [(event["timestamp"], event["message"]) for event in call.input["logEvents"]]
    put = server.logs.put(call.input["logGroupName"], call.input["logStreamName"], events, call.now)
    old = max(put.rejected.too_old_end or 0, put.rejected.expired_end or 0)
    new = len(events) - (len(events) if put.rejected.too_new_start is None else put.rejected.too_new_start)
    server.self_metrics.ingested("log_events", len(events) - old - new)
    server.self_metrics.rejected("log_events", "too_old", old)
    server.self_metrics.rejected("log_events", "too_new", new)
    answer: dict[str, Any] = {"nextSequenceToken": f"{put.number:056d}"}
    if put.rejected:
        answer["rejectedLogEventsInfo"] = _rejected(put.rejected)
    return answer


def _rejected(rejected: Rejected) -> Answer:
    members = {
        "tooNewLogEventStartIndex": rejected.too_new_start,
        "tooOldLogEventEndIndex": rejected.too_old_end,
        "expiredLogEventEndIndex": rejected.expired_end,
    }
    return {name: value for name, value in members.items() if value is not None}


def get_log_events(server: Server, call: Call) -> Answer:
    """GetLogEvents."""
    page = server.logs.events.stream(
        named_group(call),
        call.input["logStreamName"],
        milliseconds(call.now),
        start=call.input.get("startTime"),
        end=call.input.get("endTime"),
        token=call.input.get("nextToken"),
        from_head=call.input.get("startFromHead", False),
        limit=call.input.get("limit"),
    )
    rows = zip(page.events.timestamps.tolist(), page.events.messages, page.events.ingested.tolist(), strict=True)
    return {
        "events": [{"timestamp": t, "message": message, "ingestionTime": taken} for t, message, taken in rows],
        "nextForwardToken": f"f/{page.forward.text()}",
        "nextBackwardToken": f"b/{page.backward.text()}",
    }


def filter_log_events(server: Server, call: Call) -> Answer:
    """FilterLogEvents."""
    streams, prefix = call.input.get("logStreamNames"), call.input.get("logStreamNamePrefix")
    if streams and prefix:
        raise Refused(
            "InvalidParameterException",
            "The logStreamNames and logStreamNamePrefix parameters are mutually exclusive: give one of them.",
        )
    pattern = call.input.get("filterPattern")
    page = server.logs.events.filter(
        named_group(call),
        compile_pattern(pattern) if pattern else None,
        milliseconds(call.now),
        streams=streams,
        prefix=prefix or "",
        start=call.input.get("startTime"),
        end=call.input.get("endTime"),
        token=call.input.get("nextToken"),
        limit=call.input.get("limit"),
        from_head=call.input.get("startFromHead", True),
    )
    events = page.events
    rows = zip(events.streams, events.timestamps.tolist(), events.messages, events.ingested.tolist(), strict=True)
    answer: dict[str, Any] = {
        "events": [
            {
                "logStreamName": stream,
                "timestamp": timestamp,
                "message": message,
                "ingestionTime": taken,
                "eventId": events.key(place).text(),
            }
            for place, (stream, timestamp, message, taken) in enumerate(rows)
        ],
        "searchedLogStreams": [],
    }
    return answer | ({"nextToken": page.token} if page.token else {})


OPERATIONS: dict[str, Operation] = {
    "PutLogEvents": put_log_events,
    "GetLogEvents": get_log_events,
    "FilterLogEvents": filter_log_events,
}

PARTIAL = {"PutLogEvents": "entity is ignored, as sequenceToken is by AWS itself."}
