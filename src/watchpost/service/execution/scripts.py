"""Users' pre- and postprocessing scripts (contract 10.3, 10.4), run unchanged in the execution's own process."""

import builtins
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType

import msgspec

from watchpost.data.envelopes import CapturedSide
from watchpost.data.lines import line_blocks
from watchpost.data.preprocessing import Handler, ScriptFailed
from watchpost.data.quarantine import Quarantine
from watchpost.data.sources import Source
from watchpost.service.execution.spec import CONTAINER


class _Truth(msgspec.Struct):
    groundTruthData: CapturedSide  # noqa: N815  the file's word
    eventMetadata: dict[str, object]  # noqa: N815  the file's word


_DECODER = msgspec.json.Decoder(_Truth)
# Where a path of a container can enter Python's own file functions; pathlib and json go through these too.
_DOORS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (builtins, ("open",)),
    (io, ("open",)),
    (os, ("stat", "lstat", "open", "listdir", "scandir", "mkdir", "remove", "unlink")),
)


def preprocess_handler(root: Path, script: Path) -> tuple[Handler, logging.Logger]:
    """The script's `preprocess_handler`, and a logger whose lines go to the job's log. Raises: ScriptFailed."""
    handler = _function(root, script, "preprocess_handler", "preprocessor script")

    def within(*given: object) -> object:
        with container_paths(root):
            return handler(*given)

    within.__wrapped__ = handler  # type: ignore[attr-defined]  # inspect.signature looks here for the true one
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    return within, logging.getLogger("preprocessor")


def postprocess(root: Path, script: Path) -> None:
    """Call the script's `postprocess_handler`, which may read the reports. Raises: ScriptFailed."""
    handler = _function(root, script, "postprocess_handler", "post analytics processor script")
    try:
        with container_paths(root):
            handler()
    except Exception as problem:
        raise _failed(script, "post analytics processor script", problem) from problem


def labels_of(files: Sequence[Source]) -> dict[str, CapturedSide]:
    """The last label of every event, as it was written; lines that cannot be read are left to the join."""
    found: dict[str, CapturedSide] = {}
    if not files:
        return found
    for block in line_blocks(files, Quarantine()):
        for line in block.lines():
            try:
                truth = _DECODER.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            found[str(truth.eventMetadata.get("eventId"))] = truth.groundTruthData
    return found


@contextmanager
def container_paths(root: Path) -> Iterator[None]:
    """Let paths below `/opt/ml/` mean those below the root, for code written for a container."""
    before = [(module, name, vars(module)[name]) for module, names in _DOORS for name in names]
    try:
        for module, name, door in before:
            vars(module)[name] = _led(door, root)
        yield
    finally:
        for module, name, door in before:
            vars(module)[name] = door


def _led(door: Callable[..., object], root: Path) -> Callable[..., object]:
    def through(file: object = ".", *rest: object, **named: object) -> object:
        if isinstance(file, str | os.PathLike):
            path = os.fspath(file)
            if isinstance(path, str) and path.startswith(CONTAINER):
                return door(f"{root}{path}", *rest, **named)
        return door(file, *rest, **named)

    return through


def _function(root: Path, script: Path, name: str, what: str) -> Callable[..., object]:
    try:
        code = compile(script.read_bytes(), str(script), "exec")
        namespace: dict[str, object] = {"__name__": script.stem, "__file__": str(script)}
        with container_paths(root):
            exec(code, namespace)  # noqa: S102  the script is what the job was asked to run
    except Exception as problem:
        raise _failed(script, what, problem) from problem
    found = namespace.get(name)
    if not callable(found):
        raise ScriptFailed(what, f"{script.name} defines no function {name}")
    return found


def _failed(script: Path, what: str, problem: Exception) -> ScriptFailed:
    lines = [frame for frame in _frames(problem.__traceback__) if frame[0] == str(script)]
    where = f" ({script.name}, line {lines[-1][1]})" if lines else ""
    return ScriptFailed(what, f"{type(problem).__name__}: {problem}{where}")


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
