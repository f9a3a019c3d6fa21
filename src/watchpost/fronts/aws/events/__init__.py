"""EventBridge's API (`events`): rules, targets, buses, events in, connections and API destinations."""

from watchpost.fronts.aws.events import buses, connections, rules
from watchpost.fronts.aws.operation import AwsService

plugin = AwsService(
    name="events",
    operations={**buses.OPERATIONS, **rules.OPERATIONS, **connections.OPERATIONS},
    partial={**buses.PARTIAL, **rules.PARTIAL, **connections.PARTIAL},
)
