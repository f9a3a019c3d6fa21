"""Runners: how a model variant is reached. A family: one file a runner, found by its name.

A runner either names an HTTP server that answers already (`Upstream`), or loads a model in a process of its own
(`Job`), which then answers `/ping` and `/invocations` like any container made for SageMaker.
"""

from watchpost.runners._connections import Connections, Failure, NotRead, NotSent, Reply, Unreachable
from watchpost.runners._runner import (
    RUNNERS,
    Answer,
    BadInput,
    Container,
    Job,
    Model,
    NoRunner,
    Plan,
    Question,
    Runner,
    Upstream,
    named_runner,
    plan,
)
from watchpost.runners._settings import Limits, Settings, read_toml

__all__ = [
    "RUNNERS",
    "Answer",
    "BadInput",
    "Connections",
    "Container",
    "Failure",
    "Job",
    "Limits",
    "Model",
    "NoRunner",
    "NotRead",
    "NotSent",
    "Plan",
    "Question",
    "Reply",
    "Runner",
    "Settings",
    "Unreachable",
    "Upstream",
    "named_runner",
    "plan",
    "read_toml",
]
