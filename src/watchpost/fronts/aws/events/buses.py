"""Event buses, and events put on them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from watchpost.errors import Refused
from watchpost.events.pattern import compile_pattern
from watchpost.events.rules import Bus, bus_name
from watchpost.fronts.aws.events.paging import page
from watchpost.fronts.aws.operation import Call, Operation
from watchpost.service.events.events import Submission
from watchpost.windows import EPOCH

if TYPE_CHECKING:
    from watchpost.service.server import Server

MOST_BYTES = 1_048_576
# The CLI reference tests an event without "resources", which the API reference calls mandatory.
_ENVELOPE = frozenset({"id", "account", "source", "time", "region", "detail-type"})


def put_events(server: "Server", call: Call) -> Mapping[str, Any]:
    """Take events in; each entry has its own outcome."""
    if "EndpointId" in call.input:
        raise Refused("ValidationException", "Parameter EndpointId is not valid. Global endpoints are not supported.")
    entries = call.input["Entries"]
    if sum(_size(entry) for entry in entries) >= MOST_BYTES:
        raise Refused("ValidationException", "Total size of the entries in the request is over the limit.")
    receipts = server.events.put(
        [
            Submission(
                source=entry.get("Source"),
                detail_type=entry.get("DetailType"),
                detail=entry.get("Detail"),
                resources=tuple(entry.get("Resources", ())),
                time=entry.get("Time"),
                bus=bus_name(entry.get("EventBusName")),
            )
            for entry in entries
        ]
    )
    answers = [
        {"EventId": receipt.event_id}
        if receipt.event_id is not None
        else {"ErrorCode": receipt.error, "ErrorMessage": receipt.message}
        for receipt in receipts
    ]
    failed = sum(receipt.event_id is None for receipt in receipts)
    server.self_metrics.ingested("events", len(receipts) - failed)
    server.self_metrics.rejected("events", "invalid", failed)
    return {"FailedEntryCount": failed, "Entries": answers}


def test_event_pattern(server: "Server", call: Call) -> Mapping[str, Any]:
    """Say whether a pattern holds for an event."""
    del server
    pattern = compile_pattern(call.input["EventPattern"])
    try:
        event = msgspec.json.decode(call.input["Event"], type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refused("ValidationException", "Parameter Event is not valid.") from None
    if not event.keys() >= _ENVELOPE:
        raise Refused("ValidationException", "Parameter Event is not valid.")
    return {"Result": pattern.matches(event)}


def create_event_bus(server: "Server", call: Call) -> Mapping[str, Any]:
    """Make a bus."""
    given = call.input
    for name in ("EventSourceName", "DeadLetterConfig", "KmsKeyIdentifier"):
        if given.get(name):
            raise Refused("ValidationException", f"Parameter {name} is not supported.")
    if given.get("LogConfig", {}).get("Level", "OFF") != "OFF":
        raise Refused("ValidationException", "Parameter LogConfig is not supported: the journal shows what failed.")
    bus = server.events.buses.create(given["Name"], given.get("Description"), tags(given), call.access_key or "")
    return {"EventBusArn": bus.arn} | _described(bus)


def describe_event_bus(server: "Server", call: Call) -> Mapping[str, Any]:
    """Show a bus."""
    return _shown(server.events.buses.describe(bus_name(call.input.get("Name"))))


def list_event_buses(server: "Server", call: Call) -> Mapping[str, Any]:
    """List buses by name."""
    prefix = call.input.get("NamePrefix", "")
    buses, more = page(call, lambda after, limit: server.events.buses.buses(prefix, after, limit), lambda bus: bus.name)
    return {"EventBuses": [_shown(bus) for bus in buses], **more}


def update_event_bus(server: "Server", call: Call) -> Mapping[str, Any]:
    """Change a bus's description."""
    for name in ("DeadLetterConfig", "KmsKeyIdentifier", "LogConfig"):
        if call.input.get(name):
            raise Refused("ValidationException", f"Parameter {name} is not supported.")
    name, actor = bus_name(call.input.get("Name")), call.access_key or ""
    bus = server.events.buses.update(name, call.input.get("Description"), actor)
    return {"Arn": bus.arn, "Name": bus.name} | _described(bus)


def delete_event_bus(server: "Server", call: Call) -> None:
    """Remove a bus."""
    server.events.buses.delete(call.input["Name"], call.access_key or "")


def tags(given: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a request."""
    return {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *entry.get("Resources", ())]
    return 14 * ("Time" in entry) + sum(len(text.encode()) for text in texts if text)


def _described(bus: Bus) -> dict[str, Any]:
    return {} if bus.description is None else {"Description": bus.description}


def _shown(bus: Bus) -> dict[str, Any]:
    # The default bus was always there.
    times = {} if bus.created == EPOCH else {"CreationTime": bus.created, "LastModifiedTime": bus.changed}
    return {"Name": bus.name, "Arn": bus.arn} | _described(bus) | times


OPERATIONS: Mapping[str, Operation] = {
    "PutEvents": put_events,
    "TestEventPattern": test_event_pattern,
    "CreateEventBus": create_event_bus,
    "DescribeEventBus": describe_event_bus,
    "ListEventBuses": list_event_buses,
    "UpdateEventBus": update_event_bus,
    "DeleteEventBus": delete_event_bus,
}

PARTIAL: Mapping[str, str] = {
    "PutEvents": "EndpointId is refused; TraceHeader is ignored",
    "CreateEventBus": "partner sources, customer keys, dead-letter queues and delivery logs are refused",
    "UpdateEventBus": "customer keys, dead-letter queues and delivery logs are refused",
    "DescribeEventBus": "there are no resource policies",
}
