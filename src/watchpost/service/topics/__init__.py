"""Topics: subscriptions, and the delivery of what is published to people and machines."""
