"""Records in: every reader offers a table as a stream of typed batches, and sets aside what it cannot read.

| module | what it holds |
|---|---|
| `dataset` | Dataset: what every reader offers, and the dtypes it may use |
| `quarantine` | Quarantine: where unreadable records go |
| `open` | open_dataset: from a path, a URI or a table to a Dataset |
| `sources` | find_sources: files, folders, globs, S3 objects; gzip taken off |
| `lines` | blocks of whole lines, each line's place remembered |
| `records` | JSON text as records, every fault named |
| `names` | column names, each once |
| `cells` | cells as typed columns |
| `flatten` | nested objects, lists and dtypes as flat columns |
| `csv`, `jsonl`, `parquet`, `frames` | tables in those formats, and in memory |
| `capture` | what an endpoint was asked and answered; with `envelopes`, `payloads`, and `uniform` for speed |
| `capture_blocks`, `captured_events` | capture files read ahead; the same as predictions under their events |
| `identifiers` | how often inference ids repeat |
| `ground_truth` | labels under their events |
| `ledger` | LabelLedger: everything ever said about the truth, and what was known at an instant |
| `labels` | labels met with the predictions they belong to, and how many have one |
"""

from watchpost.data.ground_truth import GroundTruthFiles
from watchpost.data.open import open_dataset

__all__ = ["GroundTruthFiles", "open_dataset"]
