"""A model behind an endpoint: rows become a request's body, and an answer's body becomes scores.

Nothing here opens a connection: `send` is an argument (`endpoint.http_send` is the real one).
Source of the content types and templates: contract 8.1; the answers are those of SageMaker's and MLflow's /invocations.
"""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np
import polars as pl

from watchpost.attribution.errors import ModelFault
from watchpost.attribution.explanation import Matrix
from watchpost.attribution.model import Model
from watchpost.profiles.baseline_json import Json

Send: TypeAlias = Callable[[bytes, str], bytes]
"""A body and its content type in, the answer's body out. Raises: ModelUnreachable."""

ContentType = Literal["text/csv", "application/jsonlines", "application/json"]
CONTENT_TYPES: tuple[ContentType, ...] = get_args(ContentType)
_ENVELOPES = ("predictions", "outputs", "instances", "scores")


@dataclass(frozen=True, slots=True)
class Wire:
    """How a model wants its rows, and where its scores are in the answer.

    content_type: of the request. The answer is recognised by its content: JSON, JSON lines or CSV.
    header: for CSV, whether a first line names the columns.
    content_template: for JSON lines the template of a line, for JSON that of the body, with one of
        `$features` (a row as a list), `$features_kvp` (a row as an object), `$records` (all rows, JSON only).
    record_template: for JSON, the template of one of `$records`: `$features` or `$features_kvp`.
    score: which part of an answered row is the score: a field's name (`a.b` for one inside another) or the zero-based
        index of a value; None takes all values of a row, each as a label.
    """

    content_type: ContentType = "text/csv"
    header: bool = False
    content_template: str | None = None
    record_template: str = "$features"
    score: str | int | None = None


def remote_model(send: Send, wire: Wire | None = None) -> Model:
    """A model that asks an endpoint, one request per call.

    It raises what `send` raises, and ModelFault for an answer without one number, or one list of numbers, per row.
    """
    how = wire or Wire()

    def model(rows: pl.DataFrame) -> Matrix:
        return parse_scores(send(write_rows(rows, how), how.content_type), rows.height, how.score)

    return model


def write_rows(rows: pl.DataFrame, wire: Wire) -> bytes:
    """The request's body. Missing values are empty cells in CSV, and null in JSON."""
    match wire.content_type:
        case "text/csv":
            return rows.write_csv(include_header=wire.header).encode()
        case "application/jsonlines":
            template = wire.content_template or '{"features":$features}'
            return ("\n".join(_filled(template, row) for row in rows.iter_rows(named=True)) + "\n").encode()
        case "application/json":
            records = ",".join(_filled(wire.record_template, row) for row in rows.iter_rows(named=True))
            return (wire.content_template or '{"instances":$records}').replace("$records", f"[{records}]").encode()


def parse_scores(answer: bytes, expected_rows: int, score: str | int | None = None) -> Matrix:
    """The scores of an answer, of shape (expected_rows, labels). Raises: ModelFault."""
    text = answer.decode("utf-8", errors="replace").strip()
    answered = _answered(text)
    [first, *others] = answered or [None]
    if expected_rows > 1 and not others and isinstance(first, list) and len(first) == expected_rows:
        # SageMaker's XGBoost container answers all rows of a CSV request on one line.
        answered = [[value] for value in first]
    rows = [_score(row, score) for row in answered]
    if len(rows) != expected_rows:
        raise ModelFault(f"{expected_rows} rows were sent, but {len(rows)} came back: {_excerpt(text)}")
    if len({len(row) for row in rows}) > 1:
        raise ModelFault(f"its rows hold different numbers of values: {_excerpt(text)}")
    return np.array(rows, dtype=np.float64).reshape(expected_rows, -1)


def _filled(template: str, row: dict[str, object]) -> str:
    # $features_kvp first: $features is its beginning.
    with_names = template.replace("$features_kvp", _json(row)) if "$features_kvp" in template else template
    return with_names.replace("$features", _json(list(row.values()))) if "$features" in with_names else with_names


def _json(value: object) -> str:
    # msgspec writes NaN as null, dates as text, and a blank-free list that every server reads.
    return msgspec.json.encode(value).decode()


def _answered(text: str) -> list[Json]:
    """The answered rows, whatever they are written in."""
    if not text.startswith(("{", "[")):
        try:
            return [_cells(cells) for cells in csv.reader(io.StringIO(text, newline="")) if cells]
        except csv.Error as error:
            raise ModelFault(f"it is neither JSON nor CSV ({error}): {_excerpt(text)}") from error
    try:
        whole: Json = json.loads(text)
    except json.JSONDecodeError:
        return [_line(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict):
        for name in _ENVELOPES:
            inside = whole.get(name)
            if isinstance(inside, list):
                return inside
    return [whole]


def _line(line: str, number: int) -> Json:
    try:
        value: Json = json.loads(line)
    except json.JSONDecodeError as error:
        raise ModelFault(f"line {number} is no JSON ({error.msg}): {_excerpt(line)}") from error
    return value


def _cells(cells: list[str]) -> Json:
    return [_number(cell) for cell in cells]


def _number(cell: str) -> Json:
    try:
        return float(cell)
    except ValueError:
        return cell


def _score(row: Json, score: str | int | None) -> list[float]:
    found = row
    if isinstance(score, str):
        for step in score.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    elif score is not None and isinstance(row, list):
        found = row[score] if -len(row) <= score < len(row) else None
    elif score is None and isinstance(row, dict) and len(row) == 1:
        found = next(iter(row.values()))
    values = found if isinstance(found, list) else [found]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if not numbers or len(numbers) != len(values):
        where = "" if score is None else f" at {score!r}"
        raise ModelFault(
            f"expected a number or a list of numbers{where}, found {_excerpt(json.dumps(row))}",
            "Say which part of the answer is the score",
        )
    return numbers


def _excerpt(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:120]}…"
