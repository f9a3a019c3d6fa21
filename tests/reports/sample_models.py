"""Reports as the monitors of models would make them, for the tests of every renderer."""

from dataclasses import replace

from watchpost.verdicts import Curve, Figure, QuarantinedRecord, QuarantineSummary, Report, Summary, Violation

from .sample import hostile as hostile_columns

BASELINE_ROWS, CURRENT_ROWS = 20_000, 4_312

# Name, title, meaning, better, baseline, now.
QUALITY = (
    ("recall", "Recall", "Of those who really left, the share the model found.", "higher", 0.742, 0.611),
    ("precision", "Precision", "Of those the model flagged, the share who really left.", "higher", 0.688, 0.602),
    ("f1", "F1", "The balance of precision and recall, one number for both.", "higher", 0.714, 0.606),
    ("accuracy", "Accuracy", "The share of predictions that were right.", "higher", 0.913, 0.908),
    (
        "true_negative_rate",
        "True negative rate",
        "Of those who stayed, the share left in peace.",
        "higher",
        0.955,
        0.954,
    ),
    ("false_positive_rate", "False positive rate", "Of those who stayed, the share flagged.", "lower", 0.045, 0.046),
    ("false_negative_rate", "False negative rate", "Of those who left, the share missed.", "lower", 0.258, 0.389),
    (
        "auc",
        "Area under the ROC curve",
        "How surely the model ranks a leaver above a stayer; 0.5 is a coin toss.",
        "higher",
        0.901,
        0.874,
    ),
    ("au_prc", "Area under the precision-recall curve", "Precision averaged over all recalls.", "higher", 0.771, 0.702),
    ("f0_5", "F0.5", "Balance of precision and recall that counts precision double.", "higher", 0.698, 0.604),
    ("f2", "F2", "Balance of precision and recall that counts recall double.", "higher", 0.731, 0.609),
    ("log_loss", "Log loss", "How surprised the model was by what happened, in nats.", "lower", 0.214, 0.262),
    ("brier_score", "Brier score", "Mean squared distance of probability and outcome.", "lower", 0.061, 0.072),
    (
        "calibration_error",
        "Calibration error",
        "How far claimed probabilities lie from observed ones.",
        "lower",
        0.012,
        0.031,
    ),
)
RULED = {
    "recall",
    "precision",
    "f1",
    "accuracy",
    "true_negative_rate",
    "false_positive_rate",
    "false_negative_rate",
    "auc",
    "f0_5",
    "f2",
}


def quality_figures(group: str = "", loss: float = 1.0, rows: int = CURRENT_ROWS) -> tuple[Figure, ...]:
    """Figures of one part of the data; loss: how much of the change of `QUALITY` it has."""
    figures = []
    for name, title, meaning, better, before, after in QUALITY:
        value = before + (after - before) * loss
        worse = before - value if better == "higher" else value - before
        spread = 0.2 / rows**0.5
        judged = "not_judged"
        if name in RULED:
            judged = "not_enough_data" if rows < 50 else "violated" if worse > 3 * spread else "kept"
        rule = f"must not {'fall below' if better == 'higher' else 'rise above'} {before:g}" if name in RULED else ""
        figures.append(Figure(name, value, group, title, meaning, spread, None, None, before, rule, judged, rows))
    return tuple(sorted(figures, key=lambda f: ("violated", "not_enough_data", "kept", "not_judged").index(f.judged)))


def camel(name: str) -> str:
    """A metric's name as violations spell it."""
    first, *rest = name.split("_")
    return first + "".join(w.capitalize() for w in rest)


def model_quality(segments: int = 5) -> Report:
    """A churn model that misses more leavers, most in some segments; labels come late."""
    whole = quality_figures()
    undefined = Figure(
        "precision",
        None,
        "region = overseas",
        "Precision",
        QUALITY[1][2],
        baseline=0.64,
        rule="must not fall below 0.64",
        judged="not_enough_data",
        rows=4,
        error="The model flagged nobody, so there is nothing to divide by.",
    )
    parts = tuple(
        figure
        for i in range(segments)
        for figure in quality_figures(f"region = {i:02}", 1.4 - 0.3 * (i % 6), 30 if i % 7 == 4 else 900 - 40 * i)
    )
    violations = tuple(
        Violation(
            camel(f.name),
            "GreaterThanThreshold" if "above" in f.rule else "LessThanThreshold",
            f"Metric {camel(f.name)} with {f.value} +/- {f.standard_deviation} was LessThanThreshold '{f.baseline}'",
        )
        for f in whole
        if f.judged == "violated"
    )
    late = Violation(
        "Ground truth",
        "label_flow_check",
        "Labels stay away: 4312 of 6240 predictions have one, a share of 0.691; 0.95 is expected by now.",
    )
    roc = tuple((i / 200, (i / 200) ** 0.22) for i in range(201))
    prc = tuple((i / 200, 1 - 0.85 * (i / 200) ** 3) for i in range(201))
    curves = (
        Curve("ROC curve", "False positive rate", "True positive rate", tuple((x, x**0.32) for x, _ in roc), roc),
        Curve("Precision-recall curve", "Recall", "Precision", tuple((x, 1 - 0.88 * x**1.6) for x, _ in prc), prc),
    )
    return Report(
        "model_quality",
        False,
        "churn/baseline-2024-01",
        "churn/2024-07",
        BASELINE_ROWS,
        CURRENT_ROWS,
        Summary(None, None, None, len(violations) + 1),
        (*violations, late),
        (),
        notes=("log_loss was not judged: the baseline has no threshold for it.",),
        figures=(*whole, *parts, undefined),
        curves=curves,
        next_steps=(
            "Look at region = 00 and region = 01 first: three quarters of the lost recall come from there.",
            "Check the job that delivers ground truth: 1,928 predictions have no label yet.",
            "If the data of these regions drifted (see the data quality report), retrain on labels since 2024-05.",
        ),
    )


BIAS = (
    ("DPPL", "Difference in positive proportions in predicted labels", 0.196, 0.291),
    ("DI", "Disparate impact", 0.612, 0.437),
    ("CDDPL", "Conditional demographic disparity in predicted labels", 0.21, 0.31),
    ("RD", "Recall difference", 0.081, 0.102),
    ("AD", "Accuracy difference", -0.11, -0.118),
    ("TE", "Treatment equality", 0.31, 0.66),
    ("DCA", "Difference in conditional acceptance", -0.24, -0.2),
    ("DCR", "Difference in conditional rejection", 0.043, 0.05),
    ("SD", "Specificity difference", 0.07, 0.069),
    ("DAR", "Difference in acceptance rates", 0.05, 0.04),
    ("DRR", "Difference in rejection rates", 0.01, 0.012),
    ("FT", "Flip test", -0.13, -0.14),
    ("GE", "Generalized entropy", 0.068, 0.07),
    ("CI", "Class imbalance", 0.34, 0.33),
    ("DPL", "Difference in positive proportions in labels", 0.19, 0.2),
    ("KL", "Kullback-Leibler divergence", 0.14, 0.15),
    ("JS", "Jensen-Shannon divergence", 0.031, 0.033),
    ("LP", "L-p norm", 0.27, 0.28),
    ("TVD", "Total variation distance", 0.19, 0.2),
    ("KS", "Kolmogorov-Smirnov distance", 0.19, 0.2),
    ("CDDL", "Conditional demographic disparity in labels", 0.2, 0.21),
)
MEANING = (
    "How much more often everyone else gets the positive answer than the group does. Above 0: the group gets it less "
    "often than everyone else; below 0: more often. The share predicted Target = 1: among everyone else (20380 rows) "
    "minus among people with {group} (10145 rows)."
)


def bias(groups: tuple[str, ...] = ("Sex = 0", "Ethnic group = 2, 3")) -> Report:
    """An income model that has grown more uneven for women; one metric cannot be computed."""
    figures = []
    for g, group in enumerate(groups):
        for i, (name, title, before, now) in enumerate(BIAS):
            moved = g == 0 and i < 3
            rare = name in {"DAR", "TE"} and g == 1
            value = None if rare else now if g == 0 else before + (now - before) / 4
            judged = "violated" if moved else "not_enough_data" if rare or name == "GE" else "kept"
            sure = (None, None) if value is None or name == "GE" else (value - 0.03, value + 0.03)
            error = "Nobody of the group was predicted positive." if rare else ""
            figures.append(
                Figure(
                    name,
                    value,
                    group,
                    title,
                    MEANING.format(group=group),
                    None,
                    *sure,
                    before,
                    f"must not be surely farther from {1 if name == 'DI' else 0} than {before:g}",
                    judged,
                    3012,
                    error,
                )
            )
    violations = tuple(
        Violation(
            f"{f.group} {f.name}",
            "bias_drift_check",
            f"{f.value:.4g} (99.9 % interval {f.lower:.4g} to {f.upper:.4g}) is farther from 0 than the baseline's "
            f"{f.baseline:.4g}.",
        )
        for f in figures
        if f.judged == "violated"
    )
    return Report(
        "bias",
        False,
        "adult/analysis.json",
        "adult/2024-07",
        30_525,
        9_120,
        Summary(None, None, None, len(violations)),
        violations,
        (),
        figures=tuple(figures),
        next_steps=(
            "Compare the labels of Sex = 0 (DPL, unchanged) with the predictions (DPPL, grown): the model changed.",
        ),
    )


def explainability() -> Report:
    """A credit model in which two features changed places."""
    shares = {
        "duration_months": (0.31, 0.12),
        "credit_amount": (0.12, 0.3),
        "age": (0.11, 0.115),
        "savings": (0.1, 0.1),
        "checking_status": (0.09, 0.092),
        "purpose": (0.08, 0.079),
        "employment": (0.07, 0.071),
        "housing": (0.06, 0.061),
        "property": (0.04, 0.04),
        "existing_credits": (0.02, 0.022),
    }
    score = Figure(
        "ndcg",
        0.874,
        "label0",
        "Order of features (NDCG)",
        "How well the order of the most important features was kept; 1 is the same order.",
        None,
        0.86,
        0.885,
        1.0,
        "must not fall below 0.9",
        "violated",
        500,
    )
    moved = tuple(
        Figure(
            name,
            now,
            "label0",
            "",
            "Its share in what drives the model.",
            None,
            now - 0.015,
            now + 0.015,
            was,
            "must not be farther from the baseline than chance explains",
            "violated" if abs(now - was) > 0.1 else "kept",
            500,
        )
        for name, (was, now) in shares.items()
    )
    exchange = "Attribution of {!r} changed by {}; it changed places with {!r}"
    violations = (
        Violation(
            "label0",
            "feature_attribution_drift_check",
            "The order of features is lost: NDCG 0.874 is below the threshold 0.9. 'credit_amount' leads, where "
            "'duration_months' led",
        ),
        Violation(
            "duration_months",
            "feature_attribution_change_check",
            exchange.format("duration_months", "−61 %", "credit_amount"),
        ),
        Violation(
            "credit_amount",
            "feature_attribution_change_check",
            exchange.format("credit_amount", "+150 %", "duration_months"),
        ),
    )
    return Report(
        "explainability",
        False,
        "credit/shap-baseline",
        "credit/2024-07",
        700,
        500,
        Summary(None, None, None, 3),
        violations,
        (),
        figures=(score, *moved),
        next_steps=(
            "Check whether 'duration_months' and 'credit_amount' were exchanged on the way to the model: compare the "
            "order of the columns that the model receives with the order it was trained on.",
            "If the change is wanted, make a new baseline from current data for later runs to compare with.",
        ),
    )


def regression_kept() -> Report:
    """A regression model about which there is nothing to complain, with figures beyond one."""
    figures = (
        Figure(
            "rmse",
            41_200.5,
            "",
            "Root mean squared error",
            "The typical error, large ones counting more, in dollars.",
            310.0,
            None,
            None,
            41_900.0,
            "must not rise above 41,900",
            "kept",
            9_000,
        ),
        Figure(
            "r2",
            0.91,
            "",
            "R²",
            "The share of the differences that the model explains.",
            0.004,
            None,
            None,
            0.905,
            "must not fall below 0.905",
            "kept",
            9_000,
        ),
        Figure("error_p05", -61_000.0, "", "5th percentile of the error", "One error in twenty is lower.", rows=9_000),
        Figure(
            "mae",
            33_000.0,
            "town = Tengah",
            "Mean absolute error",
            "The mean size of an error, in dollars.",
            4_000.0,
            None,
            None,
            31_000.0,
            "must not rise above 31,000",
            "not_enough_data",
            12,
        ),
    )
    return Report(
        "model_quality",
        True,
        "resale/baseline",
        "resale/2024-10",
        23_432,
        9_000,
        Summary(1.0, None, None, 0),
        (),
        (),
        figures=figures,
    )


def hostile() -> Report:
    """Texts that try to break out of every place a figure, a curve or a step is shown in."""
    columns = hostile_columns()
    evil = "<script>alert('x')</script>"
    names = [f.name for f in columns.features]
    figures = tuple(
        Figure(
            n,
            None if i % 5 == 0 else 0.5,
            names[-i],
            evil if i % 2 else n,
            f"means {n}",
            0.1,
            baseline=0.4,
            rule=f"rule {n}",
            judged="violated",
            rows=3,
            error=f"because {n}",
        )
        for i, n in enumerate(names)
    )
    curve = Curve(
        evil, '"><img src=x onerror=alert(1)>', "</svg>{{ 7*7 }}", ((0.0, 0.0), (1.0, 1.0)), ((0.0, 1.0), (1.0, 0.0))
    )
    violations = tuple(Violation(n, "bias_drift_check", f"because {n}") for n in names)
    return replace(
        columns,
        monitor="bias",
        features=(),
        violations=violations,
        figures=figures,
        curves=(curve,),
        next_steps=(evil,),
        quarantine=QuarantineSummary(1, {evil: 1}, (QuarantinedRecord(evil, 1, evil, evil),)),
    )


MODELS = {
    "model quality": model_quality(),
    "segments": model_quality(20),
    "bias": bias(),
    "explainability": explainability(),
    "regression": regression_kept(),
    "hostile figures": hostile(),
}
