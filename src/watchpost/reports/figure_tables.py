"""Figures and curves as the page shows them: one table for each part of the data, kept short, with small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from watchpost.reports.figure_plots import common_span, curve_in_words, curve_plot, dot_plot
from watchpost.reports.figures import JUDGEMENTS, Judgement, difference, grouped, is_named, sides, spread
from watchpost.reports.typography import Change, counted, visible
from watchpost.verdicts import Curve, Figure

OPEN_ROWS = 60  # figures shown without a click; more and the reader loses the thread
PICTURES = 120
CURVES = 12  # drawn; a curve for each of hundreds of classes would fill the page without being looked at


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure as shown. key: its anchor. name: its short name, where a title stands before it.

    meaning: empty where an earlier row of a long report has said it.
    """

    key: str
    figure: Figure
    title: str
    name: str
    meaning: str
    judgement: Judgement
    both: Change
    spread: str
    difference: str
    plot: Markup


@dataclass(frozen=True, slots=True)
class FigureTable:
    """The figures of one part of the data. group: empty for all of it. told: how many there are, and how they did.

    rows: shown at once; folded: shown by a click. is_open: whether the whole table is shown without a click.
    """

    key: str
    group: str
    told: str
    troubled: bool
    is_open: bool
    rows: tuple[FigureRow, ...]
    folded: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True)
class CurveView:
    """One curve as shown. said: what the picture shows, in words."""

    curve: Curve
    plot: Markup
    said: str


def figure_key(place: int) -> str:
    """The anchor of the figure at that place of the report."""
    return f"f{place}"


def figure_tables(figures: Sequence[Figure]) -> tuple[FigureTable, ...]:
    """All figures, all data first, then its parts as they come; tables beyond the first sixty rows are folded."""
    said: set[tuple[str, str]] = set()
    tables = []
    shown = drawn = 0
    for number, group in enumerate(grouped(figures)):
        span = common_span(figure for _, figure in group.members if figure.judged != "not_judged")
        rows = []
        for place, figure in group.members:
            words = (figure.name, figure.meaning)
            repeated = len(figures) > OPEN_ROWS and words in said and figure.judged != "violated"
            said.add(words)
            picture = drawn < PICTURES and figure.judged != "not_judged"
            rows.append(_row(place, figure, span, picture=picture, meaning=not repeated))
            drawn += picture
        is_open = number == 0 or shown + len(rows) <= OPEN_ROWS
        cut = OPEN_ROWS if number == 0 else len(rows)
        shown += len(rows)
        tally = group.tally
        told = counted(tally.total, "figure")
        if tally.violated:
            told += f", {tally.violated} violated"
        if tally.not_enough_data:
            told += f", {tally.not_enough_data} without enough data"
        table = FigureTable(
            f"g{number}", group.name, told, bool(tally.violated), is_open, tuple(rows[:cut]), tuple(rows[cut:])
        )
        tables.append(table)
    return tuple(tables)


def curve_views(curves: Sequence[Curve]) -> tuple[CurveView, ...]:
    """The first dozen curves, drawn and in words."""
    return tuple(
        # plots escape their labels
        CurveView(curve, Markup(curve_plot(curve, f"v{i}")), curve_in_words(curve))  # noqa: S704
        for i, curve in enumerate(curves[:CURVES])
    )


def _row(place: int, figure: Figure, span: float, *, picture: bool, meaning: bool) -> FigureRow:
    key = figure_key(place)
    title, name = visible(figure.title or figure.name), visible(figure.name)
    return FigureRow(
        key=key,
        figure=figure,
        title=title,
        name="" if is_named(figure) else name,
        meaning=figure.meaning if meaning else "",
        judgement=JUDGEMENTS[figure.judged],
        both=sides(figure),
        spread=spread(figure) if figure.value is not None else "",
        difference=difference(figure),
        plot=Markup(dot_plot(figure, span, key) if picture else ""),  # noqa: S704 - plots hold no text of the data
    )
