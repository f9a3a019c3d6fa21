"""What a runner is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from watchpost.errors import UnknownName
from watchpost.registry import Family
from watchpost.runners._settings import Settings

RUNNER = "WATCHPOST_RUNNER"
"""The variable of a container's environment that names its runner."""


class NoRunner(ValueError):
    """A container cannot be run here; the message says why and what can be done."""


class BadInput(ValueError):
    """A model cannot make anything of a request's body; the message is answered with status 400."""


@dataclass(frozen=True, slots=True)
class Container:
    """What a model was made of, in the words of SageMaker's ContainerDefinition: image, model data, environment."""

    image: str = ""
    model_data: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    def variable(self, name: str) -> str:
        """The value of an environment variable, "" without one."""
        return dict(self.environment).get(name, "")


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked: an HTTP body, its content type, the one wanted back, and the caller's own attributes."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answers; `attributes` goes back to the caller as the header of that name."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    attributes: str = ""


Model: TypeAlias = Callable[[Question], Answer]
"""A loaded model; called from several threads at a time. Raises BadInput for what the caller did wrong."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """An HTTP server that answers already. `url` has no slash at its end; `ping` None: it has no health check."""

    url: str
    invocations: str = "/invocations"
    ping: str | None = "/ping"


@dataclass(frozen=True, slots=True)
class Job:
    """What a process of its own is to load and serve.

    Args: runner: whose `load`. target: what to load, in the runner's own words. data: a location of model data that
    the server fetches first (`s3://…`); "" for none. environment: variables the model's own code gets to see.
    """

    runner: str
    target: str = ""
    data: str = ""
    environment: tuple[tuple[str, str], ...] = ()


Plan: TypeAlias = Upstream | Job


def no_model(job: Job, data: Path | None) -> Model:
    """The `load` of a runner that never makes a job."""
    raise NoRunner(f"The runner {job.runner!r} loads no models (asked for {data or job.target}).")


@dataclass(frozen=True, slots=True)
class Runner:
    """A way to reach a model.

    Args: means: whether a container that names no runner means this one. plan: what is to be done for a container, by
    the owner's settings; raises NoRunner. load: the model of a job, in the process that will serve it; `data` is the
    file or folder that `job.data` means. It may take its time, and raises whatever keeps the model from being loaded.
    """

    means: Callable[[Container], bool]
    plan: Callable[[Container, Settings], Plan]
    load: Callable[[Job, Path | None], Model] = no_model


RUNNERS = Family("watchpost.runners", Runner)


def named_runner(container: Container) -> str | None:
    """The runner a container names, or else the first (by name) that it means; None: it means none."""
    named = container.variable(RUNNER)
    if named:
        return named
    return next((name for name in RUNNERS.names() if RUNNERS.load(name).means(container)), None)


def plan(container: Container, settings: Settings) -> Plan:
    """How a container's model is reached. Raises: NoRunner: it cannot be, and why."""
    name = named_runner(container)
    if name is None:
        raise NoRunner(
            f"No runner for image {container.image!r} with model data {container.model_data!r}. Give a server's URL as "
            f"the image (http://host:port) or in the environment (WATCHPOST_URL), or an XGBoost model as model data "
            f"with an image named xgboost; or name one of the runners {', '.join(RUNNERS.names())} in {RUNNER}."
        )
    try:
        runner = RUNNERS.load(name)
    except UnknownName as unknown:
        raise NoRunner(f"{RUNNER}: {unknown}") from None
    return runner.plan(container, settings)
