"""Reports as a data quality monitor would make them, for the tests of every renderer."""

from itertools import pairwise
from math import erf, exp, sqrt

from watchpost.verdicts import (
    Bin,
    FeatureReport,
    QuarantinedRecord,
    QuarantineSummary,
    Report,
    Side,
    Summary,
    Verdict,
    Violation,
)

BASELINE_ROWS, CURRENT_ROWS = 23_432, 1_977


def normal_bins(mean: float, std_dev: float, moved_mean: float, moved_std_dev: float, n: int = 10) -> tuple[Bin, ...]:
    """Ten intervals with open ends over a normal distribution and a second one."""
    low, high = mean - 2.5 * std_dev, mean + 2.5 * std_dev
    edges = [low + (high - low) * i / (n - 2) for i in range(n - 1)]

    def below(x: float, centre: float, spread: float) -> float:
        return 0.5 * (1 + erf((x - centre) / spread / sqrt(2)))

    def shares(centre: float, spread: float) -> list[float]:
        cumulative = [0.0, *(below(e, centre, spread) for e in edges), 1.0]
        return [b - a for a, b in pairwise(cumulative)]

    bounds = [None, *edges, None]
    return tuple(
        Bin(f"{lower} to {upper}", was, now, lower, upper)
        for was, now, lower, upper in zip(
            shares(mean, std_dev), shares(moved_mean, moved_std_dev), bounds, bounds[1:], strict=False
        )
    )


def verdict(feature: str, effect: float, *, rows: int = CURRENT_ROWS) -> Verdict:
    """A robust distance with a sentence."""
    statistic = max(0.0, effect - 1.8 * sqrt((BASELINE_ROWS + rows) / (BASELINE_ROWS * rows)))
    drifted = statistic > 0.1
    reason = (
        f"Drifted: up to {effect:.1%} of the records lie elsewhere than in the baseline, more than the allowed 10%."
        if drifted
        else f"No drift: at most {effect:.1%} of the records lie elsewhere than in the baseline."
    )
    kind, direction = "distance", "drift above threshold"
    return Verdict(
        feature,
        "robust_linf",
        statistic,
        kind,
        direction,
        0.1,
        effect,
        BASELINE_ROWS,
        rows,
        "yes" if drifted else "no",
        reason,
    )


def numeric(name: str, mean: float, std_dev: float, shift: float = 0.05, missing: int = 0) -> FeatureReport:
    """A numeric column whose mean moved by `shift` standard deviations."""
    moved = mean + shift * std_dev
    judged = verdict(name, erf(abs(shift) / 2 / sqrt(2)))
    violations = ()
    if judged.drifted == "yes":
        violations = (
            Violation(
                name, "baseline_drift_check", f"Baseline drift distance: {judged.statistic} exceeds threshold: 0.1"
            ),
        )
    return FeatureReport(
        name,
        Side("Fractional", BASELINE_ROWS, 0, mean, std_dev, mean - 3.2 * std_dev, mean + 3.9 * std_dev, 9120.0),
        Side(
            "Fractional", CURRENT_ROWS - missing, missing, moved, std_dev * 1.02,
            moved - 2.9 * std_dev, moved + 3.4 * std_dev, 1411.0,
        ),
        violations,
        judged,
        normal_bins(mean, std_dev, moved, std_dev * 1.02),
    )  # fmt: skip


def categorical(name: str, was: dict[str, float], now: dict[str, float], *violations: Violation) -> FeatureReport:
    """A text column with the given shares."""
    values = list(dict.fromkeys([*was, *now]))
    bins = tuple(Bin(v, was.get(v, 0.0), now.get(v, 0.0)) for v in values)
    effect = max(abs(was.get(v, 0.0) - now.get(v, 0.0)) for v in values)
    return FeatureReport(
        name,
        Side("String", BASELINE_ROWS, 0, distinct=float(len(was))),
        Side("String", CURRENT_ROWS, 0, distinct=float(len(now))),
        violations,
        verdict(name, effect),
        bins,
    )


TOWNS = ("Ang Mo Kio",
         "Bedok", "Bishan", "Bukit Batok", "Bukit Merah", "Choa Chu Kang", "Clementi", "Geylang", "Hougang",
         "Jurong West", "Kallang/Whampoa", "Punggol", "Queenstown", "Sengkang", "Tampines", "Woodlands")  # fmt: skip


def resale() -> Report:
    """Resale flats: a drifted price, a renamed floor area, a new town, missing values, unreadable records."""
    towns = dict.fromkeys(TOWNS, 1 / 16)
    moved = {t: s * 0.92 for t, s in towns.items()} | {"Tengah": 0.08}
    new_town = Violation(
        "town",
        "categorical_values_check",
        "8.042% of the values are not among the 16 known ones: 'Tengah' (159 times). Expected at least 100.0% "
        "known values.",
    )
    model = {"Improved": 0.28, "New Generation": 0.22, "Model A": 0.31, "Simplified": 0.08, "Premium Apartment": 0.11}
    late = numeric("lease_commence_date", 1994.6, 12.4, 0.1, missing=143)
    missing = Violation(
        "lease_commence_date",
        "completeness_check",
        "7.233% of the values are missing; the baseline requires 100.0% present.",
    )
    area = numeric("floor_area_sqm", 97.4, 24.3)
    features = (
        numeric("resale_price", 438_100, 143_200, 1.35),
        FeatureReport(
            "floor_area_sqm",
            area.baseline,
            None,
            (
                Violation("floor_area_sqm", "missing_column_check", "In the baseline but not in the current data."),
                Violation(
                    "floor_area_sqm",
                    "renamed_column_check",
                    "The column is missing, and 'area_sqm' is new with the same type and distribution: it looks "
                    "renamed to 'area_sqm'.",
                ),
            ),
            None,
            tuple(Bin(b.label, b.baseline, None, b.lower, b.upper) for b in area.bins),
        ),
        categorical("town", towns, moved, new_town),
        FeatureReport(late.name, late.baseline, late.current, (missing,), late.verdict, late.bins),
        categorical("flat_type", {"3 ROOM": 0.26, "4 ROOM": 0.41, "5 ROOM": 0.24, "EXECUTIVE": 0.09},
                    {"3 ROOM": 0.25, "4 ROOM": 0.43, "5 ROOM": 0.24, "EXECUTIVE": 0.08}),
        categorical("flat_model", model, {k: s * (1.04 if k == "Model A" else 0.982) for k, s in model.items()}),
        numeric("storey_range_low", 8.1, 5.6, 0.06),
        numeric("remaining_lease_months", 889, 149, -0.08),
        FeatureReport("block", Side("String", BASELINE_ROWS, 0, distinct=2477.0),
                      Side("String", CURRENT_ROWS, 0, distinct=1102.0)),
        numeric("month", 6.4, 3.4, 0.02),
        FeatureReport(
            "area_sqm", None, Side("Fractional", CURRENT_ROWS, 0, 97.9, 24.1, 31.0, 215.0, 131.0),
            (Violation("area_sqm", "extra_column_check", "In the current data but not in the baseline."),),
            None,
            tuple(Bin(b.label, None, b.current, b.lower, b.upper) for b in area.bins),
        ),
    )  # fmt: skip
    unreadable = Violation(
        "Unreadable records",
        "unreadable_records_check",
        "41 of 2,018 records could not be read (2.03%); the first is line 311.",
    )
    violations = (*(v for f in features for v in f.violations), unreadable)
    reasons = {"not valid JSON": 33, "wrong number of fields": 8}
    first = tuple(
        QuarantinedRecord(
            f"captures/AllTraffic/2024/10/0{i}/13/27-04-511.jsonl",
            311 + 97 * i,
            "not valid JSON",
            '{"captureData": {"endpointInput',
        )
        for i in range(1, 4)
    )
    return Report(
        "data_quality", False, "hdb-2012-2019/baseline", "captures/AllTraffic/2024/10", BASELINE_ROWS, CURRENT_ROWS,
        Summary(0.8431, 1 / 8, 0.1072, len(violations)), violations, features,
        QuarantineSummary(41, reasons, first),
        ("Column block has more than 120 distinct values, so its distribution is not compared.",),
    )  # fmt: skip


def clean(columns: int = 10) -> Report:
    """Nothing to complain about."""
    features = tuple(numeric(f"feature_{i:02}", 10.0 * (i + 1), 2.0 + i / 7, 0.02 * (i % 4)) for i in range(columns))
    return Report(
        "data_quality",
        False,
        "baseline",
        "today.parquet",
        BASELINE_ROWS,
        CURRENT_ROWS,
        Summary(1.0, 0.0, 0.0, 0),
        (),
        features,
    )


def wide(columns: int, troubled: int) -> Report:
    """Many columns, some of them drifted."""
    features = tuple(
        numeric(
            f"feature_{i:04}", 10.0 * (i + 1), 2.0 + i / 7, 0.9 + i / columns if i < troubled else 0.03 * (i % 4), i % 5
        )
        for i in range(columns)
    )
    violations = tuple(v for f in features for v in f.violations)
    return Report(
        "data_quality", False, "baseline", "today.parquet", BASELINE_ROWS, CURRENT_ROWS,
        Summary(1.0, len(violations) / columns, 0.001, len(violations)), violations, features,
    )  # fmt: skip


def empty() -> Report:
    """A window in which nothing arrived."""
    violation = Violation(
        "Empty window", "empty_window_check", "The current data holds no records; the baseline has 23,432."
    )
    features = tuple(
        FeatureReport(
            f.name,
            f.baseline,
            Side("Unknown", 0, 0),
            (),
            None,
            tuple(Bin(b.label, b.baseline, None, b.lower, b.upper) for b in f.bins),
        )
        for f in clean().features
    )
    return Report(
        "data_quality",
        False,
        "baseline",
        "captures/2024/10/03/02",
        BASELINE_ROWS,
        0,
        Summary(0.0, None, None, 1),
        (violation,),
        features,
    )


def hostile() -> Report:
    """Texts that try to break out of every place they are shown in."""
    evil = "<script>alert('x')</script>"
    names = (
        evil, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "سعر البيع", "price\u202egnp", "👩‍👩‍👧‍👦 family",
        "x" * 400, "", "  ", "a\nb\x1b[31mred",
        "[bold]markup[/bold]", "`tick`", "</style></svg>", "&amp;&lt;", "half \ud83d",
    )  # fmt: skip
    features = tuple(
        FeatureReport(
            n,
            Side("String", 10, 0, distinct=2.0),
            Side("String", 9, 1, distinct=3.0),
            (Violation(n, evil if i % 2 else "baseline_drift_check", f"because {n}"),),
            Verdict(n, evil, 0.5, "p_value", "drift below threshold", exp(-3), 0.4, 10, 9, "yes", n),
            (Bin(n, 0.5, 0.1), Bin(evil, 0.5, 0.9)),
        )
        for i, n in enumerate(names)
    )
    violations = tuple(v for f in features for v in f.violations)
    quarantine = QuarantineSummary(1, {evil: 1}, (QuarantinedRecord(evil, 1, evil, evil),))
    return Report(
        evil, True, evil, evil, 10, 10, Summary(None, 1.0, 0.1, 15), violations, features, quarantine, (evil,)
    )
