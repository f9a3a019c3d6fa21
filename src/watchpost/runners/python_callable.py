"""A Python function as a model: `module:function` in a folder of the server's owner.

The function is code and runs as the server's user. So only folders that the owner lists in `runners.toml` are ever
imported from; a client of the API can choose among what lies there, and cannot put anything there.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import msgspec

from watchpost.runners._runner import Answer, Container, Job, Model, NoRunner, Question, Runner
from watchpost.runners._settings import Settings

CALLABLE, FOLDER = "WATCHPOST_CALLABLE", "WATCHPOST_FOLDER"


def means(container: Container) -> bool:
    """Whether the environment names a callable."""
    return bool(container.variable(CALLABLE))


def plan(container: Container, settings: Settings) -> Job:
    """The function to load. Raises: NoRunner: the owner does not allow its folder, or it is none."""
    name, given = container.variable(CALLABLE), container.variable(FOLDER)
    module, _, function = name.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), function]):
        raise NoRunner(f"{CALLABLE} is {name!r}; expected module:function, price.model:predict for example.")
    allowed = [Path(folder).resolve() for folder in settings.python.folders]
    # Without a folder the first one allowed is meant; links are followed before the question is asked.
    folder = Path(given).resolve() if given else next(iter(allowed), None)
    if folder is None or not any(folder.is_relative_to(own) for own in allowed):
        raise NoRunner(
            f"Python code of {given or 'no folder'!r} is not run: an API request must not choose what code this "
            f"server runs. Its owner can allow a folder as `folders` under [python] in runners.toml."
        )
    if not folder.is_dir():
        raise NoRunner(f"{FOLDER} is {given!r}, which is no folder of this machine.")
    return Job("python_callable", f"{folder}\n{name}", environment=container.environment)


def load(job: Job, data: Path | None) -> Model:  # noqa: ARG001  a callable has no model data
    """The function, imported from its folder."""
    folder, _, name = job.target.partition("\n")
    module, _, function = name.partition(":")
    sys.path.insert(0, folder)
    found: object = getattr(import_module(module), function)
    if not callable(found):
        raise TypeError(f"{name} in {folder} is no function")
    return _model(found)


def _model(function: Callable[[bytes, str], object]) -> Model:
    def model(question: Question) -> Answer:
        return answered(function(question.body, question.content_type), question.accept)

    return model


def answered(result: object, accept: str) -> Answer:
    """What a function returned, as an answer: (body, content type), bytes or text, or else a value written as JSON."""
    kind = accept if accept and "*" not in accept else ""
    match result:
        case Answer():
            return result
        case (bytes() as body, str() as content_type):
            return Answer(body, content_type)
        case (str() as text, str() as content_type):
            return Answer(text.encode(), content_type)
        case bytes():
            return Answer(result, kind or "application/octet-stream")
        case str():
            return Answer(result.encode(), kind or "text/csv")
        case _:
            return Answer(msgspec.json.encode(result), "application/json")


plugin = Runner(means, plan, load)
