"""An MLflow model (`models:/name@alias`, `runs:/…`, a folder), asked in the words of MLflow's own scoring server.

Loading an MLflow model runs code from it (pickles, and whole modules). So only URIs that the server's owner lists in
`runners.toml` are loaded. The `mlflow` package is not installed with this one.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from watchpost.runners._runner import Answer, BadInput, Container, Job, Model, NoRunner, Question, Runner
from watchpost.runners._settings import Settings

URI = "WATCHPOST_MLFLOW_URI"
_TRACKING = "MLFLOW_TRACKING_URI"


class _Metadata(Protocol):
    def get_input_schema(self) -> object: ...


class _Loaded(Protocol):
    """mlflow.pyfunc.PyFuncModel."""

    metadata: _Metadata


class _Scored(Protocol):
    """What mlflow.pyfunc.scoring_server.invocations returns."""

    response: str
    status: int
    mimetype: str


class _Pyfunc(Protocol):
    def load_model(self, model_uri: str) -> _Loaded: ...


class _Scoring(Protocol):
    def invocations(self, data: bytes | str, content_type: str, model: _Loaded, input_schema: object) -> _Scored: ...


def means(container: Container) -> bool:
    """Whether the environment names an MLflow model."""
    return bool(container.variable(URI))


def plan(container: Container, settings: Settings) -> Job:
    """The model to load. Raises: NoRunner: the owner does not allow it."""
    uri = container.variable(URI)
    if not uri or ".." in uri.split("/"):
        raise NoRunner(f"{URI} is {uri!r}; expected the URI of a model, models:/price@champion for example.")
    if not any(beginning and uri.startswith(beginning) for beginning in settings.mlflow.uris):
        raise NoRunner(
            f"The MLflow model {uri!r} is not loaded: loading one runs code that came with it, and an API request must "
            f"not choose what code this server runs. Its owner can allow beginnings of URIs as `uris` under [mlflow] "
            f"in runners.toml."
        )
    own = {_TRACKING: settings.mlflow.tracking_uri} if settings.mlflow.tracking_uri else {}
    # Where models come from is the owner's word too: `models:/price` means nothing without it.
    asked = {name: value for name, value in container.environment if not name.startswith("MLFLOW_")}
    return Job("mlflow", uri, environment=tuple(sorted((asked | own).items())))


def load(job: Job, data: Path | None) -> Model:  # noqa: ARG001  MLflow fetches its models itself
    """The model, by MLflow. Raises: ModuleNotFoundError: MLflow is not installed."""
    # Optional and untyped packages; the Protocols above say what is used of them.
    loaded = cast(_Pyfunc, import_module("mlflow.pyfunc")).load_model(job.target)
    scoring = cast(_Scoring, import_module("mlflow.pyfunc.scoring_server"))
    refusal = import_module("mlflow.exceptions").MlflowException
    schema = loaded.metadata.get_input_schema()

    def model(question: Question) -> Answer:
        try:
            scored = scoring.invocations(question.body, question.content_type or "application/json", loaded, schema)
        except refusal as problem:
            raise BadInput(str(problem)) from problem
        return Answer(scored.response.encode(), scored.mimetype, scored.status)

    return model


plugin = Runner(means, plan, load)
