"""Topics: subscriptions, filter policies, the messages that are delivered.

And when a failed delivery is tried again.
"""
