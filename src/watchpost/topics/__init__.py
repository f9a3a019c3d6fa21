"""Topics: subscriptions, filter policies, the messages that are delivered, and when a failed delivery is tried again.

Reading order: `topic` (the records), `limits` (what may be published and subscribed), `filter_policy` (who gets a
message), `messages` (what is delivered, and the text that is signed), `delivery_policy` (when a failed delivery is
tried again), `alarm_news` and `incidents` (one message per incident for people).
"""
