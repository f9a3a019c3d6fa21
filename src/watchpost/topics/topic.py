"""Topics, subscriptions and messages as they are kept.

Source: Amazon SNS API 2010-03-31. Attributes are text pairs under SNS's own names, sorted by name, and only those that
were set; what SNS shows by default is added when they are read.
"""

from dataclasses import dataclass
from datetime import datetime

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. `deleted` counts the subscriptions that were removed from it."""

    arn: str
    attributes: Pairs
    tags: Pairs
    created: datetime
    deleted: int = 0

    @property
    def name(self) -> str:
        """Its name, the last part of its ARN."""
        return self.arn.rpartition(":")[2]

    @property
    def fifo(self) -> bool:
        """Whether its messages are numbered and deduplicated."""
        return self.name.endswith(".fifo")

    def attribute(self, name: str, default: str = "") -> str:
        """The value that was set, or the default."""
        return dict(self.attributes).get(name, default)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets a topic's messages, by which protocol and where.

    Until `confirmed` is set nothing is delivered; `token` confirms it before `token_expires`. `authenticated` says
    whether the confirmation was signed with an access key, which unsubscribing then must be too if
    `authenticate_on_unsubscribe`.
    """

    arn: str
    protocol: str
    endpoint: str
    attributes: Pairs
    created: datetime
    token: str
    token_expires: datetime
    confirmed: datetime | None = None
    authenticated: bool = False
    authenticate_on_unsubscribe: bool = False

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic it belongs to."""
        return self.arn.rpartition(":")[0]

    @property
    def raw(self) -> bool:
        """Whether the message is delivered bare, without SNS's envelope."""
        return self.attribute("RawMessageDelivery").lower() == "true"

    def attribute(self, name: str, default: str = "") -> str:
        """The value that was set, or the default."""
        return dict(self.attributes).get(name, default)


@dataclass(frozen=True, slots=True)
class MessageAttribute:
    """A typed attribute: `type` String, String.Array, Number or Binary; a Binary's `value` is base64."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Message:
    """What was published.

    `body` is the text, or with `structured` a JSON object of texts by protocol (`default` among them). `readable` is
    the text for people where `body` is JSON for programs. `group` and `sequence` are a FIFO topic's.
    """

    id: str
    topic_arn: str
    body: str
    subject: str | None
    at: datetime
    attributes: tuple[MessageAttribute, ...] = ()
    structured: bool = False
    readable: str | None = None
    group: str | None = None
    sequence: str | None = None


def topic_arn(region: str, account: str, name: str) -> str:
    """The ARN of a topic.

    >>> topic_arn("us-east-1", "000000000000", "drift")
    'arn:aws:sns:us-east-1:000000000000:drift'
    """
    return f"arn:aws:sns:{region}:{account}:{name}"
