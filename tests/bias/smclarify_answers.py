"""Run inside the environment of smclarify, not ours: JSON cases on stdin, one per line, their metrics on stdout."""

import json
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from smclarify.bias import metrics, report  # noqa: E402


def by_masks(case: dict) -> dict:
    """Every metric from boolean columns, past the report's own reading of facets and labels."""
    facet, label = pd.Series(case["facet"], dtype=bool), pd.Series(case["label"], dtype=bool)
    predicted = pd.Series(case["predicted"], dtype=bool)
    group = None if case["group"] is None else pd.Series(case["group"])
    features = pd.DataFrame(np.array(case["features"], dtype=float).reshape(len(facet), -1))
    given = {
        "df": features,
        "feature": facet,
        "sensitive_facet_index": facet,
        "label": label,
        "positive_label_index": label,
        "predicted_label": predicted,
        "positive_predicted_label_index": predicted,
        "group_variable": group,
    }
    answers = {}
    for metric in (*metrics.PRETRAINING_METRICS, *metrics.POSTTRAINING_METRICS):
        try:
            answers[metric.__name__] = float(metrics.call_metric(metric, **given))
        except Exception as error:  # noqa: BLE001  whatever it refuses is an answer
            answers[metric.__name__] = {"error": str(error)}
    return answers


def by_report(case: dict) -> list:
    """The report as a user asks for it: facets and labels by value or threshold, one table per stage."""
    frame = pd.DataFrame(case["frame"])
    # As categories: it cannot read the text columns of the pandas that it runs on.
    frame = frame.astype({name: "category" for name in frame if not pd.api.types.is_numeric_dtype(frame[name])})
    label = report.LabelColumn(case["label"], frame[case["label"]], case["positive"])
    predicted = report.LabelColumn(case["predicted"], frame[case["predicted"]], case["positive"])
    group = frame[case["group"]] if case["group"] else None
    answers = []
    for stage in (report.StageType.PRE_TRAINING, report.StageType.POST_TRAINING):
        facet = report.FacetColumn(case["facet"], case["values"])
        answers.append(report.bias_report(frame, facet, label, stage, predicted, group_variable=group))
    return answers


for line in sys.stdin:
    case = json.loads(line)
    answer = by_report(case) if "frame" in case else by_masks(case)
    print(json.dumps(answer), flush=True)  # noqa: T201  the way back
