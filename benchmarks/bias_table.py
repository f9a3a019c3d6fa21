"""The whole bias table: all metrics, two facets, intervals where the contender has them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Contender, Table, race
from benchmarks.tables import DATA

REACH = "Watchpost at most 5 s for 1 M rows"
FEATURES = ("age", "education", "gain", "loss", "hours")
_PEER = Path.home() / ".cache" / "watchpost" / "peers" / "smclarify-0.5" / "bin" / "python"
"""Made by the bias tests; WATCHPOST_SMCLARIFY names another interpreter that has smclarify."""

_SCRIPT = """
import logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import pandas as pd
from smclarify.bias import report
frame = pd.read_parquet(sys.argv[1])
frame = frame.astype({"sex": "category", "race": "category"})
label, predicted = (report.LabelColumn(name, frame[name], [1]) for name in ("label", "predicted"))
numbers = [name for name in frame if name not in ("sex", "race", "region")]
print(flush=True)
for _ in sys.stdin:
    for name, value in (("sex", "F"), ("race", "Black")):
        for stage in (report.StageType.PRE_TRAINING, report.StageType.POST_TRAINING):
            table, facet = frame[[*numbers, name]], report.FacetColumn(name, [value])
            report.bias_report(table, facet, label, stage, predicted, group_variable=frame["region"])
    print(flush=True)
"""


def people(rows: int) -> str:
    """A table like the census's: five numeric features, two facets, a group variable, labels and predictions."""
    path = DATA / f"people-{rows}.parquet"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(17)
        education = rng.integers(1, 17, rows)
        columns = {
            "age": rng.integers(17, 90, rows),
            "education": education,
            "gain": np.where(rng.random(rows) < 0.1, rng.integers(100, 99_999, rows), 0),
            "loss": np.where(rng.random(rows) < 0.05, rng.integers(100, 4000, rows), 0),
            "hours": np.clip(rng.normal(40, 12, rows).round(), 1, 99),
            "sex": np.where(rng.random(rows) < 0.33, "F", "M"),
            "race": rng.choice(["White", "Black", "Asian", "Other"], rows, p=[0.8, 0.1, 0.06, 0.04]),
            "region": rng.integers(0, 16, rows),
            "label": (education + rng.normal(0, 3, rows) > 12).astype(np.int64),
            "predicted": (education + rng.normal(0, 3, rows) > 12).astype(np.int64),
        }
        partial = path.with_suffix(".partial")
        pl.DataFrame(columns).write_parquet(partial)
        partial.rename(path)
    return str(path)


def ours(path: str, *, exact: bool = False) -> Callable[[], object]:
    """From a table in memory, with intervals from 10,000 replicates."""
    from watchpost.bias import BiasConfiguration, Facet, bias_table, grouping

    frame = pl.read_parquet(path)
    facets = (Facet("sex", ("F",)), Facet("race", ("Black",)))
    who = grouping(BiasConfiguration("label", (1,), facets, "region"), frame, predicted="predicted")
    return lambda: bias_table(frame, who, rng=np.random.default_rng(1), features=FEATURES, exact=exact)


def every_row(path: str) -> Callable[[], object]:
    """The same with the flip test of every row of the group, as the peer does it."""
    return ours(path, exact=True)


def smclarify(path: str) -> Callable[[], object]:
    """AWS's own package, in an environment of its own; it has no intervals. The peak is not its own."""
    python = os.environ.get("WATCHPOST_SMCLARIFY", str(_PEER))  # noqa: TID251  where the peer lies
    if not Path(python).exists():
        sys.exit(f"no smclarify at {python}: run the bias tests once, or set WATCHPOST_SMCLARIFY")
    peer = subprocess.Popen([python, "-c", _SCRIPT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    send, receive = peer.stdin, peer.stdout
    assert send is not None
    assert receive is not None
    receive.readline()

    def answer() -> object:
        send.write("\n")
        send.flush()
        return receive.readline() or sys.exit("smclarify ended")

    return answer


CONTENDERS: dict[str, Contender] = {
    "Watchpost": ours,
    "Watchpost, every row's flip test": every_row,
    "smclarify": smclarify,
}


def plan(scale: float) -> list[Table]:
    """1 M rows; beside the peer one round, for it takes a minute."""
    rows = int(1_000_000 * scale)
    mine = [name for name in CONTENDERS if name != "smclarify"]
    everything = f"Bias table of {rows:,} rows: 21 metrics, two facets, intervals"
    return [
        race(everything, "bias_table", mine, people(rows), rounds=3, reach=REACH),
        race(f"The same {rows:,} rows beside smclarify", "bias_table", list(CONTENDERS), people(rows), rounds=1),
    ]
