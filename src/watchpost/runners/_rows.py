"""Rows of numbers out of a request's body, and scores back, in the forms SageMaker's built-in containers know."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from watchpost.runners._runner import Answer, BadInput, Question

Rows = NDArray[np.float32]
CSV, JSON, JSON_LINES, LIBSVM = "text/csv", "application/json", "application/jsonlines", "text/libsvm"
_LIBSVM = {LIBSVM, "text/x-libsvm"}
_ENVELOPES = ("instances", "inputs", "features", "data")
_NAN = float("nan")


def media_type(content_type: str) -> str:
    """A content type without its parameters, in lower case.

    >>> media_type("Text/CSV; charset=utf-8")
    'text/csv'
    """
    return content_type.partition(";")[0].strip().lower()


def parse_rows(body: bytes, content_type: str, names: Sequence[str] | None, width: int) -> Rows:
    """The rows of a body; an empty cell, `null` and an absent index are missing (NaN).

    Args: names: of the features, for rows that are objects. width: how many features there are, for libsvm.
    Raises: BadInput: no such content type, or the body is not what it says.
    """
    kind = media_type(content_type) or CSV
    try:
        text = body.decode().strip()
        if kind == CSV:
            table = [[float(cell) if cell.strip() else _NAN for cell in line.split(",")] for line in text.splitlines()]
        elif kind in _LIBSVM:
            table = [_sparse(line, width) for line in text.splitlines()]
        elif kind == JSON_LINES:
            table = [_row(value, names) for line in text.splitlines() if line.strip() for value in _values(_json(line))]
        elif kind == JSON:
            table = [_row(value, names) for value in _values(_json(text))]
        else:
            raise BadInput(f"Content type {kind!r} is not supported: send {CSV}, {LIBSVM}, {JSON} or {JSON_LINES}.")
    except (ValueError, TypeError) as problem:  # UnicodeDecodeError and msgspec's are ValueErrors
        raise problem if isinstance(problem, BadInput) else BadInput(f"The body is no {kind}: {problem}") from problem
    if not table or len({len(row) for row in table}) != 1:
        raise BadInput(f"The {kind} body must hold at least one row, and rows of one length.")
    return np.array(table, dtype=np.float32)


def write_scores(scores: ArrayLike, question: Question, *, lines: bool) -> Answer:
    """The scores of rows, one number or one list a row, in the form that is asked for, else in that of the request.

    In CSV the container joins single scores by commas unless `lines` (its own switch for batches).
    """
    found = np.asarray(scores, dtype=np.float64)
    kind = _wanted(question)
    # Shortest text of a float32 score, not the sixteen digits of its double.
    plain = [_short(row) for row in found.tolist()]
    if kind == JSON:
        return Answer(msgspec.json.encode({"predictions": [{"score": score} for score in plain]}), JSON)
    if kind == JSON_LINES:
        return Answer(b"".join(msgspec.json.encode({"score": score}) + b"\n" for score in plain), JSON_LINES)
    texts = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in plain]
    by_line = lines or found.ndim > 1
    return Answer(("\n".join(texts) + "\n" if by_line else ",".join(texts)).encode(), f"{CSV}; charset=utf-8")


def _wanted(question: Question) -> str:
    for asked in (*question.accept.split(","), question.content_type):
        kind = media_type(asked)
        if kind in {CSV, JSON, JSON_LINES}:
            return kind
    return CSV


def _short(score: float | list[float]) -> float | list[float]:
    if isinstance(score, list):
        return [float(str(np.float32(value))) for value in score]
    return float(str(np.float32(score)))


def _sparse(line: str, width: int) -> list[float]:
    row = [_NAN] * width
    for item in line.split():
        index, colon, value = item.partition(":")
        if not colon:  # the label that training files have in front
            continue
        place = int(index)
        if not 0 <= place < width:
            raise BadInput(f"The index {place} is not among those of the model's {width} features (0 to {width - 1}).")
        row[place] = float(value)
    return row


def _json(text: str) -> object:
    return msgspec.json.decode(text)


def _values(value: object) -> list[object]:
    """The rows of a JSON value: a list of rows, one row, or either of these in an envelope."""
    if isinstance(value, dict):
        for name in _ENVELOPES:
            if isinstance(value.get(name), list):
                return _values(value[name])
        return [value]
    if isinstance(value, list):
        return value if any(isinstance(row, list | dict) for row in value) else [value]
    raise BadInput("The JSON holds neither a list nor an object.")


def _row(value: object, names: Sequence[str] | None) -> list[float]:
    if isinstance(value, dict):
        features = value.get("features")
        if isinstance(features, list):
            value = features
        elif names:
            value = [value.get(name) for name in names]
        else:
            raise BadInput("The rows are objects, but the model knows no names of features: send lists.")
    if not isinstance(value, list):
        raise BadInput("A row is neither a list nor an object.")
    return [_NAN if cell is None else float(cell) for cell in value]
