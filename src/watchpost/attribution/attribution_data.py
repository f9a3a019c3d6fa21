"""`attribution_data`: the local attributions of the explained rows, as JSON lines.

One line per row and label, written so that any reader of JSON lines can use it, and exactly what the next comparison
needs: `{"row":0,"label":"label0","expected_value":0.17,"attributions":{"age":0.05,"sex":-0.01}}`. Numbers are written
with the digits that give the same double back.
"""

import json
from collections.abc import Iterator

import msgspec
import numpy as np

from watchpost.attribution.explanation import Explanation, Units
from watchpost.errors import MalformedBaseline


class _Line(msgspec.Struct):
    row: int
    label: str
    expected_value: float | None
    attributions: dict[str, float]


def write_attributions(explanation: Explanation) -> Iterator[str]:
    """The file's lines, each with its line break."""
    for row, by_label in enumerate(explanation.values):
        for label, expected, values in zip(explanation.labels, explanation.expected, by_label, strict=True):
            attributions = dict(zip(explanation.features, values.tolist(), strict=True))
            line = _Line(row, label, expected, attributions)
            yield json.dumps(msgspec.to_builtins(line), separators=(",", ":"), ensure_ascii=False) + "\n"


def parse_attributions(text: str | bytes, path: str, units: Units = "output") -> Explanation:
    """The attributions of a file, rows in file order; features and labels are those of the first row.

    Args: units: what they are in; model_metadata.json says it.
    Raises: MalformedBaseline naming the line that is unreadable or does not fit the ones before it.
    """
    content = text.encode() if isinstance(text, str) else text
    lines = [_line(line, number, path) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        return Explanation((), (), np.empty((0, 0, 0)), (), units)
    labels = tuple(line.label for line in lines if line.row == lines[0].row)
    features = tuple(lines[0].attributions)
    for index, line in enumerate(lines):
        first = lines[index - index % len(labels)]
        if line.label != labels[index % len(labels)] or line.row != first.row:
            raise MalformedBaseline(
                path, f"line {index + 1}", f"expected label {labels[index % len(labels)]!r} of one row"
            )
        if line.attributions.keys() != set(features):
            uneven = ", ".join(sorted(line.attributions.keys() ^ set(features)))
            raise MalformedBaseline(path, f"line {index + 1}", f"other features than in the first line: {uneven}")
    if len(lines) % len(labels):
        raise MalformedBaseline(path, f"line {len(lines)}", f"the last row lacks one of {', '.join(labels)}")
    values = np.array([[line.attributions[name] for name in features] for line in lines], dtype=np.float64)
    expected = tuple(line.expected_value for line in lines[: len(labels)])
    return Explanation(features, labels, values.reshape(-1, len(labels), len(features)), expected, units)


def _line(line: bytes, number: int, path: str) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBaseline(path, f"line {number}", str(error)) from error
