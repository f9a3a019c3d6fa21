"""How the figures of a monitor of models are said: counted, grouped, in digits, and beside their violations."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from watchpost.reports.typography import NOTHING, Change, change, number, shortened
from watchpost.verdicts import Figure, Violation

TITLE_IN_SENTENCE = 34  # a longer title would fill the sentence, so the figure's short name stands in
SAME = 1e-9  # relative; what differs by less is the last digits of floating-point arithmetic, not a change


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a figure, for a tag: a sign and a word, which say it without colour, and how worried to be."""

    sign: str
    word: str
    level: Literal["trouble", "notice", "calm"]


JUDGEMENTS: Mapping[str, Judgement] = {
    "violated": Judgement("✗", "Violated", "trouble"),
    "kept": Judgement("✓", "Kept", "calm"),
    "not_enough_data": Judgement("?", "Not enough data", "notice"),
    "not_judged": Judgement("–", "Not judged", "calm"),
}
"""By `Figure.judged`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many figures there are, by judgement."""

    violated: int = 0
    kept: int = 0
    not_enough_data: int = 0
    not_judged: int = 0

    @property
    def judged(self) -> int:
        """Figures with a verdict."""
        return self.violated + self.kept

    @property
    def total(self) -> int:
        """All figures."""
        return self.judged + self.not_enough_data + self.not_judged


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one part of the data, each with its place in the report. name: empty for all data."""

    name: str
    members: tuple[tuple[int, Figure], ...]

    @property
    def tally(self) -> Tally:
        """Its figures counted."""
        return tally(figure for _, figure in self.members)


def tally(figures: Iterable[Figure]) -> Tally:
    """The figures counted by judgement."""
    counts = Counter(figure.judged for figure in figures)
    return Tally(counts["violated"], counts["kept"], counts["not_enough_data"], counts["not_judged"])


def grouped(figures: Sequence[Figure]) -> tuple[Group, ...]:
    """Figures by the part of the data they speak of: all data first, then in the order in which they come."""
    groups: dict[str, list[tuple[int, Figure]]] = {}
    for place, figure in enumerate(figures):
        groups.setdefault(figure.group, []).append((place, figure))
    return tuple(Group(name, tuple(groups[name])) for name in sorted(groups, key=bool))


def violated(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """The violated ones, in order."""
    return tuple(figure for figure in figures if figure.judged == "violated")


def sides(figure: Figure) -> Change:
    """Baseline and value with as many digits as it takes to tell them apart."""
    if figure.value is not None and figure.baseline is not None and _same(figure.baseline, figure.value):
        text = number(figure.value)
        return Change(text, text)
    return change(figure.baseline, figure.value)


def difference(figure: Figure) -> str:
    """By how much the value lies above (+) or below (-) the baseline; a dash where a side is absent."""
    if figure.value is None or figure.baseline is None:
        return NOTHING
    gap = figure.value - figure.baseline
    if gap and _same(figure.baseline, figure.value):
        return "≈ 0"
    return f"{'+' if gap > 0 else ''}{number(gap)}"


def spread(figure: Figure) -> str:
    """How sure the value is: `[0.59, 0.63]`, else `± 0.012`; empty where that is not known."""
    if figure.lower is not None or figure.upper is not None:
        ends = change(figure.lower, figure.upper)
        return f"[{ends.before}, {ends.now}]"
    return f"± {number(figure.standard_deviation, 2)}" if figure.standard_deviation is not None else ""


def measured_value(figure: Figure) -> str:
    """The value with its spread and the baseline, on one line; the reason where there is no value."""
    if figure.value is None:
        return figure.error or "no value"
    both = sides(figure)
    beside = f" (baseline {both.before})" if figure.baseline is not None else ""
    return f"{' '.join(filter(None, (both.now, spread(figure))))}{beside}"


def is_named(figure: Figure) -> bool:
    """Whether its name says what it is, as a feature's does: there is no title, or one that begins with the name."""
    return not figure.title or figure.title.startswith(figure.name)


def said_title(figure: Figure) -> str:
    """A figure's title as it stands inside a sentence: `recall`, but `F1` and `ROC curve` as they are."""
    title = figure.title if 0 < len(figure.title) <= TITLE_IN_SENTENCE else figure.name
    shown = shortened(title, TITLE_IN_SENTENCE)
    # A capital before a small letter only begins a title; `F1` and `AUC` are names.
    return shown[0].lower() + shown[1:] if shown[:1].isupper() and shown[1:2].islower() else shown


def explained(violations: Iterable[Violation], figures: Sequence[Figure]) -> dict[Violation, int]:
    """Which violated figure a violation speaks of, by its place in the report, as far as the names tell.

    A violation names a figure, or a figure and its group in either order, or a group alone: then its first figure. The
    service's files write names in camel case, figures with underscores.
    """
    places: dict[str, int] = {}
    parts: dict[str, int] = {}
    names: dict[str, list[int]] = {}
    for place, figure in enumerate(figures):
        if figure.judged == "violated":
            for text in (figure.group + figure.name, figure.name + figure.group):
                places.setdefault(_letters(text), place)
            names.setdefault(_letters(figure.name), []).append(place)
            if figure.group:
                parts.setdefault(_letters(figure.group), place)
    alone = {name: found[0] for name, found in names.items() if len(found) == 1}
    known = parts | alone | places
    found = ((violation, known.get(_letters(violation.feature_name))) for violation in violations)
    return {violation: place for violation, place in found if place is not None}


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _same(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=SAME)
