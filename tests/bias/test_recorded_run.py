"""A recorded run of the original service, end to end: its data and its model in, its figures and verdicts out.

The public example `SageMaker-Monitoring-Bias-Drift-for-Batch-Transform` (JSON Lines) of 2023-01-21: a baseline of 666
rows, a window of 334. Its window's labels were drawn at random per inference id, which nobody kept; but its recorded
figures leave one way only to fill the confusion cells, given the predictions, and the labels here fill them so.
"""

import io
import json
import tarfile
import zipfile

import numpy as np
import polars as pl
import pytest

from watchpost.bias import (
    BiasConfiguration,
    Facet,
    as_analysis,
    bias_table,
    compare_bias,
    grouping,
    parse_analysis,
    write_analysis,
)
from watchpost.bias.compare import parse_bias_violations, write_bias_violations

FEATURES = [
    *("Age", "Workclass", "fnlwgt", "Education", "Education-Num", "Marital-Status", "Occupation", "Relationship"),
    *("Ethnic-group", "Sex", "Capital-Gain", "Capital-Loss", "Hours-per-week", "Country"),
]
CONFIGURATION = BiasConfiguration("Target", (1,), (Facet("Sex", (0,)),), "Age")
BASELINE = {
    "AD": -0.15156641604010024,
    "CDDPL": 0.28176563733194276,
    "DAR": -0.09508196721311479,
    "DCA": -0.5278688524590163,
    "DCR": 0.027874251497005953,
    "DI": 0.17798594847775176,
    "DPPL": 0.2199248120300752,
    "DRR": 0.12565868263473046,
    "FT": -0.03333333333333333,
    "GE": 0.0841186702174704,
    "RD": 0.1308103661044837,
    "SD": 0.10465328014037645,
    "TE": 2.916666666666667,
    "CDDL": 0.27459074287718793,
    "CI": 0.36936936936936937,
    "DPL": 0.2326441102756892,
    "JS": 0.04508199943437752,
    "KL": 0.22434464102537785,
    "KS": 0.2326441102756892,
    "LP": 0.32900845595810163,
    "TVD": 0.2326441102756892,
}
VIOLATIONS = {
    "CDDPL": "Metric value 0.374894782529513 doesn't meet the baseline constraint requirement 0.28176563733194276",
    "DAR": "Metric value -0.26530612244897955 doesn't meet the baseline constraint requirement -0.09508196721311479",
    "DCA": "Metric value -36.6530612244898 doesn't meet the baseline constraint requirement -0.5278688524590163",
    "DCR": "Metric value -0.06507936507936507 doesn't meet the baseline constraint requirement 0.027874251497005953",
    "GE": "Metric value 0.9027966400080482 doesn't meet the baseline constraint requirement 0.0841186702174704",
    "RD": "Metric value 0.19451219512195123 doesn't meet the baseline constraint requirement 0.1308103661044837",
    "SD": "Metric value 0.21666666666666667 doesn't meet the baseline constraint requirement 0.10465328014037645",
    "TE": "Metric value Infinity doesn't meet the baseline constraint requirement 2.916666666666667",
}
# Positive labels among those predicted positive and negative: from DAR, DCA, RD, and 49 and 2 predicted positives.
CELLS = {1: (36, 164 - 36), 0: (2, 80 - 2)}


class LinearModel:
    """The archive's linear learner: weights and bias in MXNet's format, and the threshold it was tuned to.

    The parameters are two arrays of a list: an array is a magic word, storage type, number of dimensions (four bytes
    each), dimensions (eight bytes each), device and type (four bytes each, twice), then 32-bit floats.
    """

    def __init__(self, archive):
        with tarfile.open(archive) as outer:
            inner = zipfile.ZipFile(io.BytesIO(outer.extractfile("model_algo-1").read()))
        parameters = inner.read("mx-mod-0000.params")
        self.weights = np.frombuffer(parameters, "<f4", 14, offset=24 + 40)
        self.bias = np.frombuffer(parameters, "<f4", 1, offset=24 + 40 + 4 * 14 + 40)[0]
        self.threshold = json.loads(inner.read("additional-params.json"))["threshold"]

    def predict(self, features):
        scores = 1 / (1 + np.exp(-(features.astype(np.float32) @ self.weights + self.bias)))
        return (scores > self.threshold).astype(np.int64)


@pytest.fixture(scope="module")
def model(shared):
    return LinearModel(shared / "golden/clarify-bias-adult/ll-adult-prediction-model.tar.gz")


def table(path, model):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    features = np.array([record["features"] for record in records])
    frame = pl.DataFrame(features, schema=FEATURES, orient="row")
    return frame.with_columns(
        Target=pl.Series([record.get("label") for record in records], dtype=pl.Int64),
        predicted=pl.Series(model.predict(features)),
    )


@pytest.fixture(scope="module")
def baseline(shared, model):
    return table(shared / "golden/clarify-bias-adult/test_data/validation-dataset.jsonl", model)


@pytest.fixture(scope="module")
def window(shared, model):
    return labelled_window(shared, model)


def labelled_window(shared, model):
    frame = table(shared / "golden/clarify-bias-adult/test_data/test-dataset.jsonl", model)
    labels = np.zeros(len(frame), dtype=np.int64)
    for sex, by_prediction in CELLS.items():
        for predicted, positives in zip((1, 0), by_prediction, strict=True):
            rows = np.flatnonzero((frame["Sex"] == sex).to_numpy() & (frame["predicted"] == predicted).to_numpy())
            labels[np.random.default_rng(1).permutation(rows)[:positives]] = 1
    return frame.with_columns(Target=pl.Series(labels))


def tabulated(frame, like=None, **options):
    who = grouping(CONFIGURATION, frame if like is None else like, predicted="predicted", compat=True)
    return bias_table(frame, who, features=FEATURES, **options)


def test_the_baseline_s_figures_are_the_recorded_ones(baseline):
    group = tabulated(baseline).groups[0]
    assert (group.facet, group.value) == ("Sex", "0")
    assert {v.metric.name: v.value for v in group.values} == pytest.approx(BASELINE, rel=1e-12)


def test_compat_finds_the_recorded_violations_and_no_other(baseline, window):
    stored = parse_analysis(write_analysis(as_analysis(tabulated(baseline))), "analysis.json")
    found = compare_bias(stored, tabulated(window, baseline), compat=True)
    assert {v.metric_name: v.description for v in found.violations} == VIOLATIONS
    assert [v.metric_name for v in found.violations] == list(VIOLATIONS)
    fixed = {(v.facet, v.facet_value, v.constraint_check_type) for v in found.violations}
    assert fixed == {("Sex", "0", "bias_drift_check")}
    assert parse_bias_violations(write_bias_violations(found), "constraint_violations.json") == found.violations


def test_the_default_rule_judges_the_same_run_by_what_the_rows_can_tell(baseline, window):
    rng = np.random.default_rng(0)
    learned, current = tabulated(baseline, rng=rng), tabulated(window, baseline, rng=rng)
    found = compare_bias(as_analysis(learned), current, learned=learned)
    verdicts = {verdict.metric: verdict for verdict in found.verdicts}
    # Random labels: the entropy of the errors grew for certain.
    assert [v.metric_name for v in found.violations] == ["GE"]
    # Two women were predicted positive: nothing that rests on two rows is a verdict.
    for name in ("DAR", "DCA", "TE"):
        assert verdicts[name].drifted == "not_enough_data"
        assert "it takes 5 to judge by" in verdicts[name].reason
    assert verdicts["RD"].drifted == "no"
