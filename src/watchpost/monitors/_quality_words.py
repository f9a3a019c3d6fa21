"""What every metric of model quality is called in a report, and what it says in one plain sentence."""

from collections.abc import Mapping

from watchpost.quality.metrics import BEST_CONSTANT

TITLES: Mapping[str, tuple[str, str]] = {
    "mae": ("Mean absolute error", "By how much predictions miss on average, in the label's unit."),
    "mse": ("Mean squared error", "The mean of the squared misses: large ones count most."),
    "rmse": ("Root mean squared error", "A typical miss in the label's unit, large ones counting most."),
    "r2": ("R²", "Share of the label's variation that the model explains; 0 is no better than always saying the mean."),
    "mape": ("Mean absolute percentage error", "By what share of the label predictions miss on average."),
    "median_absolute_error": ("Median absolute error", "Half of the predictions miss by less than this."),
    "error_p05": ("Error, 5th percentile", "One prediction in twenty is too low by at least this (if negative)."),
    "error_p25": ("Error, 25th percentile", "A quarter of the errors, prediction minus label, lie below this."),
    "error_p50": ("Error, median", "Half of the errors, prediction minus label, lie below this; 0 leans neither way."),
    "error_p75": ("Error, 75th percentile", "A quarter of the errors, prediction minus label, lie above this."),
    "error_p95": ("Error, 95th percentile", "One prediction in twenty is too high by at least this (if positive)."),
    "recall": ("Recall", "Share of the true positives that the model finds."),
    "precision": ("Precision", "Share of the model's positive answers that are right."),
    "accuracy": ("Accuracy", "Share of all answers that are right."),
    "true_positive_rate": ("True positive rate", "Share of the positives that the model finds: recall again."),
    "true_negative_rate": ("True negative rate", "Share of the negatives that the model leaves alone."),
    "false_positive_rate": ("False positive rate", "Share of the negatives that the model calls positive."),
    "false_negative_rate": ("False negative rate", "Share of the positives that the model misses."),
    "auc": ("AUC", "How often a positive scores higher than a negative; 0.5 is guessing."),
    "au_prc": ("Area under precision-recall", "Precision over all recalls; guessing reaches the share of positives."),
    "f0_5": ("F0.5", "Precision and recall in one, precision counting more."),
    "f1": ("F1", "Precision and recall in one, both counting alike."),
    "f2": ("F2", "Precision and recall in one, recall counting more."),
    "average_precision": ("Average precision", "Precision over all recalls, in steps instead of straight lines."),
    "log_loss": ("Log loss", "How surprised the model is by what came true, in nats; sure and wrong costs most."),
    "brier_score": ("Brier score", "Mean squared gap between probability and outcome; 0 is best."),
    "calibration_error": ("Calibration error", "How far probabilities lie from the shares that came true, on average."),
    "weighted_recall": ("Weighted recall", "Recall of every class, each counting by its rows: accuracy again."),
    "weighted_precision": ("Weighted precision", "Precision of every class, each counting by its rows."),
    "weighted_f0_5": ("Weighted F0.5", "F0.5 of every class, each counting by its rows."),
    "weighted_f1": ("Weighted F1", "F1 of every class, each counting by its rows."),
    "weighted_f2": ("Weighted F2", "F2 of every class, each counting by its rows."),
    "macro_auc": ("Mean AUC of the classes", "AUC of each class against the rest, every class counting alike."),
    "macro_average_precision": (
        "Mean average precision of the classes",
        "Average precision of each class against the rest, every class counting alike.",
    ),
}
"""Title and meaning by metric; those of the best constant classifier follow from them."""


def title_and_meaning(name: str) -> tuple[str, str]:
    """Of any metric.

    >>> title_and_meaning("f1_best_constant_classifier")[0]
    'F1 of the best constant answer'
    """
    title, meaning = TITLES[name.removesuffix(BEST_CONSTANT)]
    if name.endswith(BEST_CONSTANT):
        return f"{title} of the best constant answer", "What always giving one and the same answer would reach."
    return title, meaning
