"""CloudWatch Logs."""

from watchpost.fronts.aws.logs import events, filters, groups, queries
from watchpost.fronts.aws.operation import AwsService

plugin = AwsService(
    name="logs",
    operations={**groups.OPERATIONS, **events.OPERATIONS, **filters.OPERATIONS, **queries.OPERATIONS},
    partial={**groups.PARTIAL, **events.PARTIAL, **filters.PARTIAL, **queries.PARTIAL},
)
