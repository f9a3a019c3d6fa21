"""Channels: how a person or a system is told. A family: one file a channel."""
