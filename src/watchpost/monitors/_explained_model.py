"""From what a person gives as a model (an object, a file, an address) to what an explainer opens.

Files are opened by their content, and only formats that are data: XGBoost's JSON and UBJSON, LightGBM's text, and the
`model.tar.gz` in which SageMaker keeps the former. A pickle runs whatever code its author put into it, so none is ever
opened here; whoever trusts one loads it in Python and hands the object over.
"""

import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from watchpost.attribution import EXPLAINERS, choose
from watchpost.attribution.endpoint import http_send
from watchpost.attribution.errors import MissingPackage, UnsupportedModel
from watchpost.attribution.explanation import Matrix
from watchpost.attribution.model import Model, on_matrix
from watchpost.attribution.remote import Wire, remote_model
from watchpost.attribution.rows import in_order, numbers
from watchpost.errors import InputError

LOGGED = "logged"
"""Given as the model: there is none, the data holds attributions, one column per feature."""

_TARRED = "xgboost-model"  # the name that SageMaker's XGBoost container gives its model
_LARGEST = 2 << 30  # bytes of a model file; it is held in memory
_GZIP, _PICKLE, _LIGHTGBM = b"\x1f\x8b", b"\x80", (b"tree\n", b"tree\r\n")
_XGBOOST = b"{"  # UBJSON begins like JSON
_KNOWN = "an XGBoost model (.json, .ubj, or a model.tar.gz that holds xgboost-model) or a LightGBM text model"


class MissingModel(InputError):
    """Nothing was said about which model to explain."""

    code = "missing-model"

    def __init__(self, source: str, before: str | None) -> None:
        hint = f" The baseline was made with {before!r}." if before else ""
        super().__init__(
            f"Explaining {source!r} needs the model: give --model, or model= in Settings, as the URL of an endpoint, "
            f"{_KNOWN}, or in Python as the model itself or a function from rows to scores.{hint} "
            f"If the columns are attributions already, give {LOGGED!r}."
        )
        self.source = source


class UnreadableModel(InputError):
    """The model file cannot be opened, or is of a kind that is not opened."""

    code = "unreadable-model"

    def __init__(self, path: str, why: str, todo: str = f"Give {_KNOWN}, or the URL of an endpoint") -> None:
        super().__init__(f"Cannot open the model {path!r}: {why}. {todo}.")
        self.path = path


@dataclass(frozen=True, slots=True)
class Opened:
    """A model as an explainer takes it, and what to call it: no password of an address is part of the name."""

    model: object
    name: str


@runtime_checkable
class _Booster(Protocol):
    """xgboost.Booster."""

    feature_names: Iterable[str] | None

    def inplace_predict(self, data: Matrix, *, validate_features: bool) -> ArrayLike: ...


@runtime_checkable
class _HasBooster(Protocol):
    """xgboost.XGBModel and its subclasses."""

    def get_booster(self) -> object: ...


@runtime_checkable
class _Probabilities(Protocol):
    def predict_proba(self, rows: object) -> ArrayLike: ...


@runtime_checkable
class _Decisions(Protocol):
    def decision_function(self, rows: object) -> ArrayLike: ...


@runtime_checkable
class _Predictions(Protocol):
    def predict(self, rows: object) -> ArrayLike: ...


@runtime_checkable
class _Named(Protocol):
    feature_names_in_: Iterable[object]


def open_model(given: object, wire: Wire) -> Opened:
    """The model behind an address or a file; any other object is the model itself.

    Raises: UnreadableModel, MissingPackage.
    """
    if isinstance(given, str) and given.startswith(("http://", "https://")):
        return Opened(remote_model(http_send(given), wire), _address(given))
    if isinstance(given, str | Path):
        return Opened(_from_file(Path(given)), str(given))
    kind = given if isinstance(given, FunctionType) else type(given)
    return Opened(given, f"{kind.__module__}.{kind.__qualname__}")


def explainer_for(model: object, wanted: str | None) -> tuple[str, object]:
    """The explainer's name, and the model as that takes it: `wanted` if it can, else an exact one, else Kernel SHAP.

    Raises: UnsupportedModel for what neither predicts nor can be called.
    """
    asked = _function(model) or model if wanted == "kernel_shap" else model
    if wanted in EXPLAINERS.names() and EXPLAINERS.load(wanted).accepts(asked):
        return wanted, asked
    try:
        return choose(model), model
    except UnsupportedModel:
        function = _function(model)
        if function is None:
            raise
        return "kernel_shap", function


def _function(model: object) -> Model | None:
    """The prediction function of a model object: the scores that an endpoint of it would answer with."""
    booster = model.get_booster() if isinstance(model, _HasBooster) else model
    if isinstance(booster, _Booster):
        return _of_booster(booster)
    if isinstance(model, _Probabilities):
        return _of_estimator(model, model.predict_proba)
    if isinstance(model, _Decisions):
        return _of_estimator(model, model.decision_function)
    if isinstance(model, _Predictions):
        return _of_estimator(model, model.predict)
    return None


def _of_booster(booster: _Booster) -> Model:
    names = tuple(booster.feature_names) if booster.feature_names else None

    def model(rows: pl.DataFrame) -> Matrix:
        values = numbers(in_order(rows, names))
        return np.asarray(booster.inplace_predict(values, validate_features=False), dtype=np.float64)

    return model


def _of_estimator(estimator: object, predict: Callable[[object], ArrayLike]) -> Model:
    """Two classes are one score, that of the second, as endpoints answer. Names are given where names were learned."""
    names = tuple(map(str, estimator.feature_names_in_)) if isinstance(estimator, _Named) else None
    on_numbers = on_matrix(lambda matrix: np.asarray(predict(matrix), dtype=np.float64))

    def model(rows: pl.DataFrame) -> Matrix:
        given = on_numbers(rows) if names is None else predict(in_order(rows, names))
        answer = np.asarray(given, dtype=np.float64)
        return answer[:, 1] if answer.ndim == 2 and answer.shape[1] == 2 else answer

    return model


def _address(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _from_file(path: Path) -> object:
    try:
        if path.stat().st_size > _LARGEST:
            raise UnreadableModel(str(path), "it is larger than 2 GiB")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UnreadableModel(str(path), str(error)) from error
    if content.startswith(_GZIP):
        content = _from_archive(path)
    if content.startswith(_LIGHTGBM):
        return _lightgbm(content, path)
    if content.startswith(_XGBOOST):
        return _xgboost(content, path)
    if content.startswith(_PICKLE):
        todo = "Load it in Python, if you trust it, and hand over the object, or save it in its library's own format"
        raise UnreadableModel(str(path), "it is a pickle, and opening one runs the code in it", todo)
    raise UnreadableModel(str(path), "its content is of no known kind")


def _from_archive(path: Path) -> bytes:
    """The content of SageMaker's model file; nothing is unpacked onto the disk."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            found = next((member for member in members if Path(member.name).name == _TARRED), None)
            stream = archive.extractfile(found) if found is not None and found.size <= _LARGEST else None
            if stream is not None:
                return stream.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UnreadableModel(str(path), f"it is no readable tar archive ({error})") from error
    held = ", ".join(repr(member.name) for member in members[:5]) or "no file"
    raise UnreadableModel(str(path), f"expected a file {_TARRED!r} of at most 2 GiB in it, found {held}")


def _xgboost(content: bytes, path: Path) -> object:
    booster = _package("xgboost", "an XGBoost model").Booster()
    try:
        booster.load_model(bytearray(content))
    except ValueError as error:  # XGBoostError is one
        raise UnreadableModel(str(path), f"XGBoost says: {str(error).strip().splitlines()[0]}") from error
    return booster


def _lightgbm(content: bytes, path: Path) -> object:
    lightgbm = _package("lightgbm", "a LightGBM model")
    invalid: type[Exception] = import_module("lightgbm.basic").LightGBMError
    try:
        return lightgbm.Booster(model_str=content.decode("utf-8"))
    except (invalid, UnicodeDecodeError) as error:
        raise UnreadableModel(str(path), f"LightGBM says: {str(error).strip().splitlines()[0]}") from error


def _package(name: str, needed_for: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackage(name, needed_for) from error
