"""Quality of a binary classification, curves included, of a Parquet file of labels and scores."""

from collections.abc import Callable

import numpy as np
import polars as pl

from benchmarks.measure import Contender, Table, race
from benchmarks.tables import DATA

REACH = "Watchpost at most 3 times the limit"
GROUP = 250_000


def predictions(rows: int) -> str:
    """Labels and the scores of a fairly good model, nearly all distinct, as Parquet; made once."""
    path = DATA / f"predictions-{rows}.parquet"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(13)
        label = rng.random(rows) < 0.2
        score = 1 / (1 + np.exp(-rng.normal(np.where(label, 0.5, -2.0), 1.5)))
        partial = path.with_suffix(".partial")
        pl.DataFrame({"label": label.astype(np.int64), "score": score}).write_parquet(partial, row_group_size=GROUP)
        partial.rename(path)
    return str(path)


def reading(path: str) -> Callable[[], object]:
    """The least anyone can do who needs the rows: read both columns."""
    return lambda: pl.read_parquet(path)


def adding(path: str) -> Callable[[], object]:
    """The least anyone can do who needs none at hand: read both columns and add them up."""
    return lambda: pl.scan_parquet(path).sum().collect(engine="streaming")


def ours(path: str) -> Callable[[], object]:
    """Every figure of the contract and more, both curves included, from the reader that every command uses."""
    from watchpost import open_dataset
    from watchpost.data.ahead import read_ahead
    from watchpost.data.quarantine import Quarantine
    from watchpost.quality.attributes import Attributes
    from watchpost.quality.evaluation import Evaluation

    attributes = Attributes("BinaryClassification", probability="score", ground_truth="label")

    def evaluate() -> object:
        evaluation, rng = Evaluation(attributes), np.random.default_rng(1)
        for batch in read_ahead(open_dataset(path).batches(Quarantine())):
            evaluation.update(batch, rng)
        return evaluation.figures(rng)

    return evaluate


def sklearn(path: str) -> Callable[[], object]:
    """The same figures, each by its own function, on arrays that hold all rows."""
    from sklearn import metrics

    def evaluate() -> object:
        frame = pl.read_parquet(path)
        label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
        called = score >= 0.5
        return (
            metrics.confusion_matrix(label, called),
            metrics.roc_curve(label, score),
            metrics.precision_recall_curve(label, score),
            metrics.roc_auc_score(label, score),
            metrics.average_precision_score(label, score),
            metrics.log_loss(label, score),
            metrics.brier_score_loss(label, score),
        )

    return evaluate


CONTENDERS: dict[str, Contender] = {
    "polars read of both columns (the limit)": reading,
    "polars sum of both columns": adding,
    "Watchpost": ours,
    "scikit-learn": sklearn,
}


def plan(scale: float) -> list[Table]:
    """10 M rows."""
    rows = int(10_000_000 * scale)
    title = f"Binary quality with curves of {rows:,} labelled predictions"
    return [race(title, "quality_binary", list(CONTENDERS), predictions(rows), rounds=3, reach=REACH)]
