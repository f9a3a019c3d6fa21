"""A Report as one HTML file that needs nothing else: no network, no fonts, no images, and no script to be read.

The file carries a Content-Security-Policy that allows its own style and its own small script (by hash) and nothing
else, so even a hostile column name that slipped through escaping could neither run nor fetch anything.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from watchpost.reports import typography
from watchpost.reports.figure_tables import curve_views, figure_key, figure_tables
from watchpost.reports.figures import explained, measured_value, tally
from watchpost.reports.headline import Status, causes, headline, measured, of_a_model, status
from watchpost.reports.plots import biggest_change, bin_label, feature_plot, spark_plot
from watchpost.reports.templating import asset, environment, style_sheet
from watchpost.reports.typography import NOTHING, Change, change, count, counted, share, shortened
from watchpost.reports.words import (
    DATA_QUALITY,
    DRIFT,
    DRIFT_CHECK,
    JUDGED,
    MISSING_VALUES,
    NOT_ENOUGH_DATA,
    RECORDS,
    THRESHOLD_CHECKS,
    VIOLATIONS,
    CheckWords,
    FigureWords,
    check_words,
    importance,
    is_known,
)
from watchpost.verdicts import Bin, FeatureReport, Figure, Report, Side, Verdict, Violation

if TYPE_CHECKING:
    import jinja2

CARDS = 150  # features shown at full size; beyond, rows of the table keep the page readable and small
SPARKS = 400  # small pictures in the table
LISTED = 6  # violations listed openly for each cause
MISSING_CHECKS = frozenset({"completeness_check", "all_null_check", "missing_column_check", "empty_window_check"})
FRAME_HEIGHT = 720  # of the notebook's frame, in CSS pixels

_MONITORS = {
    "data_quality": "Data quality",
    "model_quality": "Model quality",
    "bias": "Bias",
    "explainability": "Explainability",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """One of the figures the page opens with. detail: what it was made of. trouble: whether it asks for attention."""

    words: FigureWords
    value: str
    detail: str
    trouble: bool


@dataclass(frozen=True, slots=True)
class FeatureView:
    """One feature as shown. key: its anchor. numbers: name and both sides of each key figure. said: what to tell."""

    key: str
    feature: FeatureReport
    status: Status
    plot: Markup
    movement: str
    numbers: tuple[tuple[str, Change], ...]
    said: tuple[Violation, ...]
    verdict: str
    measured: str
    bins: tuple[tuple[str, Bin], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One violation in a list. key: the anchor of its feature or figure, if it has a place on the page.

    name: what it speaks of; empty where the cause says all. column: whether the name is a column's. said: the sentence
    to show.
    """

    violation: Violation
    key: str | None
    name: str
    column: bool
    said: str


@dataclass(frozen=True, slots=True)
class CauseView:
    """One cause, its words, and its violations."""

    words: CheckWords
    lines: tuple[Item, ...]


def render_html(report: Report) -> str:
    """The whole page, ready to be written to one UTF-8 file. Raises: nothing, whatever the data's texts hold."""
    return _page(report, in_frame=False)


def render_notebook(report: Report) -> str:
    """The same page inside a sandboxed frame, so that its style stays its own in a notebook."""
    page = escape(_page(report, in_frame=True), quote=True)
    label = escape(str(headline(report)), quote=True)
    return (
        f'<iframe sandbox="allow-scripts" title="{label}" width="100%" height="{FRAME_HEIGHT}"'
        f' style="border:1px solid #d0d5da;border-radius:8px" srcdoc="{page}"></iframe>'
    )


def _page(report: Report, *, in_frame: bool) -> str:
    style, script = _assets()
    ordered = _ordered(report)
    keyed = [(f"c{i}", f) for i, f in enumerate(ordered)]
    # Two columns of one name have an anchor each; links go to the first.
    keys = {f.name: key for key, f in reversed(keyed)}
    first = sum(bool(f.violations) or (f.verdict is not None and f.verdict.drifted == "yes") for f in ordered)
    full = min(first, CARDS)
    cards = [_view(f, key, large=True) for key, f in keyed[:full]]
    rows = [_view(f, key, large=False, picture=i < SPARKS) for i, (key, f) in enumerate(keyed[full:])]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            in_frame=in_frame,
            style=Markup(style),  # noqa: S704 - our own file, and the policy holds its hash
            script=Markup(script),  # noqa: S704 - our own file, and the policy holds its hash
            policy=_policy(style, script),
            monitor=_MONITORS.get(report.monitor, report.monitor),
            headline=headline(report),
            openings=_openings(report),
            of_a_model=of_a_model(report),
            tables=figure_tables(report.figures),
            curves=curve_views(report.curves),
            causes=_causes(report, keys),
            cards=cards,
            rows=rows,
            listed=LISTED,
        )
    )


def _causes(report: Report, keys: Mapping[str, str]) -> list[CauseView]:
    verdicts = report.verdicts
    places = explained(report.violations, report.figures)

    def item(violation: Violation, check_type: str) -> Item:
        if violation in places:
            figure = report.figures[places[violation]]
            title = shortened(figure.title or figure.name, 80)
            where = f" for {shortened(figure.group, 80)}" if figure.group else ""
            return Item(violation, figure_key(places[violation]), f"{title}{where}", False, _said_of(violation, figure))
        key = keys.get(violation.feature_name)
        # A fault of the whole table goes by the service's own words, which the cause's title says better.
        named = key is not None or not is_known(check_type) or of_a_model(report)
        said = _said(violation, verdicts.get(violation.feature_name))
        return Item(violation, key, violation.feature_name if named else "", key is not None, said)

    return [
        CauseView(check_words(cause.check_type), tuple(item(v, cause.check_type) for v in cause.violations))
        for cause in causes(report)
    ]


def _said_of(violation: Violation, figure: Figure) -> str:
    """A threshold's violation is in words made for programs; the figure with its rule is for people."""
    if violation.constraint_check_type in THRESHOLD_CHECKS and figure.value is not None:
        return f"{measured_value(figure)}{f'; rule: {figure.rule}' if figure.rule else ''}"
    return violation.description


def _said(violation: Violation, verdict: Verdict | None) -> str:
    """A drift violation's text is the original service's, made for programs; the verdict's sentence is for people."""
    if violation.constraint_check_type == DRIFT_CHECK and verdict is not None:
        return verdict.reason
    return violation.description


def _ordered(report: Report) -> list[FeatureReport]:
    """Violated features first, the most important cause first; then drifted ones, unknown ones, and the rest."""

    def place(feature: FeatureReport) -> tuple[int, int, float]:
        if feature.violations:
            effect = feature.verdict.effect_size if feature.verdict and feature.verdict.effect_size else 0.0
            return 0, min(importance(v.constraint_check_type) for v in feature.violations), -effect
        if feature.verdict is not None and feature.verdict.drifted == "yes":
            return 1, 0, -(feature.verdict.effect_size or 0.0)
        return (2 if status(feature).level == "notice" else 3), 0, 0.0

    return sorted(report.features, key=place)


def _openings(report: Report) -> tuple[Opening, ...]:
    summary = report.summary
    drifts = [v.drifted for v in report.verdicts.values()]
    compared = len(drifts) - drifts.count("not_enough_data")
    kinds = len(causes(report))
    gaps = any(v.constraint_check_type in MISSING_CHECKS for v in report.violations)
    drift_detail = f"{count(drifts.count('yes'))} of {counted(compared, 'column')}" if compared else "none compared"
    quality, missing = summary.data_quality_score, summary.missing_value_rate
    of_data = (
        (quality, Opening(DATA_QUALITY, share(quality), "", quality is not None and quality < 1)),
        (summary.drift_score, Opening(DRIFT, share(summary.drift_score), drift_detail, bool(summary.drift_score))),
        (missing, Opening(MISSING_VALUES, share(missing), _baseline_missing(report), bool(missing) and gaps)),
    )
    shown = tuple(opening for _, opening in of_data)
    if of_a_model(report):
        known = [opening for value, opening in of_data if value is not None]
        shown = (*known, *_model_openings(report)[: len(of_data) - len(known)])
    detail = f"of {counted(kinds, 'kind')}" if kinds else ""
    return (*shown, Opening(VIOLATIONS, count(summary.violations), detail, bool(summary.violations)))


def _model_openings(report: Report) -> tuple[Opening, ...]:
    counts = tally(report.figures)
    few = counts.not_enough_data
    judged = f"{count(counts.kept)} kept, {count(counts.violated)} violated" if counts.judged else ""
    return (
        Opening(JUDGED, count(counts.judged), judged, False),
        Opening(NOT_ENOUGH_DATA, count(few), f"of {counted(counts.total, 'figure')}", False),
        Opening(RECORDS, count(report.current_rows), f"baseline {count(report.baseline_rows)}", False),
    )


def _baseline_missing(report: Report) -> str:
    sides = [f.baseline for f in report.features if f.baseline is not None]
    cells = sum(s.present + s.missing for s in sides)
    return f"baseline {share(sum(s.missing for s in sides) / cells)}" if cells else ""


def _view(feature: FeatureReport, key: str, *, large: bool, picture: bool = True) -> FeatureView:
    draw = feature_plot if large else spark_plot
    moved = biggest_change(feature.bins) if large else None
    verdict = feature.verdict
    return FeatureView(
        key=key,
        feature=feature,
        status=status(feature),
        plot=Markup(draw(feature.name, feature.bins, key) if picture else ""),  # noqa: S704 - plots escape their labels
        movement=str(moved) if moved else "",
        numbers=tuple(_numbers(feature.baseline, feature.current)),
        # Drift is told by the verdict's sentence, once.
        said=tuple(v for v in feature.violations if verdict is None or _said(v, verdict) != verdict.reason),
        verdict=verdict.reason if verdict else "",
        measured=measured(verdict) if verdict else "",
        bins=tuple((bin_label(b), b) for b in feature.bins) if large else (),
    )


def _numbers(before: Side | None, now: Side | None) -> Iterable[tuple[str, Change]]:
    # The missing ratio of an empty side is nothing, not zero.
    ratios = [s.missing_ratio if s is not None and s.present + s.missing else None for s in (before, now)]
    # An absent side knows as little as one without values.
    was, is_now = (side or Side("Unknown", 0, 0) for side in (before, now))
    known = (
        ("Mean", was.mean, is_now.mean),
        ("Distinct", was.distinct, is_now.distinct),
        ("Minimum", was.minimum, is_now.minimum),
        ("Maximum", was.maximum, is_now.maximum),
        ("Std. deviation", was.std_dev, is_now.std_dev),
    )
    yield "Missing", change(ratios[0], ratios[1], share)
    for name, left, right in known:
        if left is not None or right is not None:
            yield name, change(left, right)


def _policy(style: str, script: str) -> str:
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:;"
        " form-action 'none'"
    )


@cache
def _environment() -> "jinja2.Environment":
    made = environment(
        "watchpost.reports",
        {
            "visible": typography.visible,
            "shortened": typography.shortened,
            "share": share,
            "count": count,
            "counted": counted,
        },
    )
    made.globals["nothing"] = NOTHING
    return made


@cache
def _assets() -> tuple[str, str]:
    """The style and the script of the page."""
    folder = files("watchpost.reports") / "templates"
    return style_sheet(folder / "report.css"), asset(folder / "report.js")
