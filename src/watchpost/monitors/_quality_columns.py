"""The few columns that model quality needs, found batch by batch and called the same in all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from watchpost.data.ground_truth import EVENT_ID, EVENT_ROW
from watchpost.data.weights import WEIGHT
from watchpost.errors import InputError
from watchpost.monitors._settings import ProblemType, Settings
from watchpost.quality.attributes import (
    OUTPUT_PREFIX,
    TRUTH_PREFIX,
    Attributes,
    Outcomes,
    find_columns,
    select_outcomes,
)

INFERENCE, PROBABILITY, TRUTH = "inference", "probability", "truth"
_FACTS = (EVENT_ID, EVENT_ROW, WEIGHT)
INPUT_PREFIX = "endpointInput_"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A column somebody asked for. called: its name from here on. option, field: how it was asked for."""

    called: str
    attribute: str
    option: str
    field: str
    several: bool = False


class QualityColumns:
    """Finds columns by the settings' attributes; remembers what was never found.

    Args: problem_type: what is asked of them. settings: the attributes; `require_settings` has passed.
    """

    def __init__(self, problem_type: ProblemType, settings: Settings) -> None:
        self.segments = settings.segments
        self._wanted = _wanted(problem_type, settings)
        self._truth = settings.ground_truth_attribute
        self._scores = 0  # how many columns of probabilities there are
        self._missing: dict[str, InputError] = {}
        self._found: set[str] = set()
        self.attributes = Attributes(
            problem_type,
            INFERENCE if settings.inference_attribute is not None else None,
            PROBABILITY if settings.probability_attribute is not None else None,
            TRUTH,
            settings.probability_threshold_attribute,
            settings.positive_label,
        )

    def answers(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """The model's answers, the segments, and whatever says which truth is theirs; None if an answer is absent.

        Raises: InputError when an attribute stands for a list where one column is needed.
        """
        chosen = any(wanted.called == WEIGHT for wanted in self._wanted)
        facts = [name for name in frame.columns if name in _FACTS and not (chosen and name == WEIGHT)]
        columns = [frame[name] for name in facts]
        for wanted in self._wanted:
            found = find_columns(frame.columns, wanted.attribute)
            if not found or (wanted.several and self._scores not in (0, len(found))):
                self._missing.setdefault(wanted.option, _nothing(wanted.attribute, wanted, frame.columns))
                return None
            if len(found) > 1 and not wanted.several:
                raise InputError(
                    f"{wanted.option} {wanted.attribute!r} is a list of {len(found)} elements. Name one of them, "
                    f"e.g. {found[-1]!r}."
                )
            self._found.add(wanted.option)
            columns += _called(frame, found, wanted)
            self._scores = len(found) if wanted.several else self._scores
        for name in self.segments:
            columns.append(self._segment(frame, name))
        return pl.DataFrame(columns, height=frame.height)

    def answered(self, frame: pl.DataFrame) -> bool:
        """Whether the frame holds what `answers` finds."""
        return all(find_columns(frame.columns, wanted.called) for wanted in self._wanted)

    def outcomes(self, rows: pl.DataFrame) -> Outcomes:
        """The rows that can be judged, of answers beside their truth, by their weights if they have any."""
        weighted = WEIGHT in rows.columns
        return select_outcomes(rows, replace(self.attributes, weight=WEIGHT) if weighted else self.attributes)

    def truth(self, frame: pl.DataFrame) -> pl.Series | None:
        """The label column of a frame; None if it is absent. Raises: InputError when it is not clear which it is."""
        option = "--ground-truth-attribute"
        if self._truth is not None:
            found = find_columns(frame.columns, self._truth, TRUTH_PREFIX)[:1]
            wanted = _Wanted(TRUTH, self._truth, option, "ground_truth_attribute")
            if not found:
                self._missing.setdefault(option, _nothing(self._truth, wanted, frame.columns))
                return None
        else:
            found = tuple(name for name in frame.columns if name.startswith(TRUTH_PREFIX))
            if len(found) > 1:
                raise InputError(
                    f"There are {len(found)} columns of ground truth: {', '.join(found)}. Say which one is the label: "
                    f"{option} (Settings.ground_truth_attribute)."
                )
            if not found:
                self._missing.setdefault(option, _no_labels())
                return None
        self._found.add(option)
        return frame[found[0]].alias(TRUTH)

    def require(self) -> None:
        """Raises: InputError when a column was absent from every batch."""
        for option, fault in self._missing.items():
            if option not in self._found:
                raise fault

    def _segment(self, frame: pl.DataFrame, name: str) -> pl.Series:
        found = find_columns(frame.columns, name, INPUT_PREFIX) or find_columns(frame.columns, name, OUTPUT_PREFIX)
        if len(found) != 1:
            wanted = _Wanted("", name, "--segment", "segments")
            self._missing.setdefault(f"--segment {name}", _nothing(name, wanted, frame.columns))
            return pl.Series(segment_name(name), [None] * frame.height, dtype=pl.Null)
        self._found.add(f"--segment {name}")
        return frame[found[0]].alias(segment_name(name))


def segment_name(column: str) -> str:
    """What a segment's column is called beside the others."""
    return f"segment {column}"


def require_settings(settings: Settings, known: ProblemType | None = None) -> ProblemType:
    """The problem type, once everything that is needed was given. known: the baseline's. Raises: InputError."""
    given = settings.problem_type or known
    if given is None:
        raise InputError(
            "Model quality has to be told what the model predicts: --problem-type (Settings.problem_type), one of "
            "BinaryClassification, MulticlassClassification, Regression."
        )
    if known is not None and given != known:
        raise InputError(f"--problem-type is {given}, but the baseline is of {known}. Give the baseline's, or none.")
    if settings.positive_label is not None and given != "BinaryClassification":
        raise InputError(f"--positive-label (Settings.positive_label) is of BinaryClassification, not of {given}.")
    inference = "--inference-attribute (Settings.inference_attribute)"
    probability = "--probability-attribute (Settings.probability_attribute)"
    if settings.inference_attribute is None and given == "Regression":
        raise InputError(f"A regression has to be told which column is the model's answer: {inference}.")
    if settings.inference_attribute is None and settings.probability_attribute is None:
        raise InputError(
            f"Model quality has to be told which column is the model's answer: {inference}, or {probability}, or both."
        )
    return given


def _wanted(problem_type: ProblemType, settings: Settings) -> tuple[_Wanted, ...]:
    found = []
    if settings.inference_attribute is not None:
        option, field = "--inference-attribute", "inference_attribute"
        found.append(_Wanted(INFERENCE, settings.inference_attribute, option, field))
    if settings.probability_attribute is not None and problem_type != "Regression":
        several = problem_type == "MulticlassClassification"
        option, field = "--probability-attribute", "probability_attribute"
        found.append(_Wanted(PROBABILITY, settings.probability_attribute, option, field, several))
    if settings.weight_attribute is not None:
        field = "weight_attribute"
        found.append(_Wanted(WEIGHT, settings.weight_attribute, field, field))
    return tuple(found)


def _called(frame: pl.DataFrame, found: Sequence[str], wanted: _Wanted) -> list[pl.Series]:
    if not wanted.several:
        return [frame[found[0]].alias(wanted.called)]
    return [frame[name].alias(f"{wanted.called}[{place}]") for place, name in enumerate(found)]


def _nothing(attribute: str, wanted: _Wanted, columns: Sequence[str]) -> InputError:
    shown = ", ".join(columns[:10]) + (", …" if len(columns) > 10 else "")
    return InputError(
        f"{wanted.option} {attribute!r} (Settings.{wanted.field}) finds no column. There are {len(columns)}: {shown}. "
        "Name one of them, or its 0-based place."
    )


def _no_labels() -> InputError:
    return InputError(
        "The data holds no labels. Name their column: --ground-truth-attribute (Settings.ground_truth_attribute); or "
        "give the labels that arrived later: --ground-truth (Settings.ground_truth)."
    )
