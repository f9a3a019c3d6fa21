"""Model quality: how good the answers were, from mergeable counts, in bounded memory.

| module | what it holds |
|---|---|
| `metrics` | METRICS: every metric's name, direction, range, and whether the original knows it |
| `figures` | Figures: the outcome, with curves, confusion matrix and figures by class |
| `attributes` | Attributes: which columns hold answer, probability, truth and weight |
| `evaluation` | Evaluation: the quality of a window, batch by batch; windows merge |
| `regression`, `binary`, `multiclass` | one accumulator for each problem type |
| `counted_values`, `dense_cells` | distinct scores with their weights, beyond a million of them in cells |
| `curves` | ROC, precision-recall, calibration |
| `spread` | standard deviations by the contract's rule |
| `document`, `quality_json` | baseline statistics and constraints, and the three files |
| `compare` | figures against constraints, behind a gate of coverage |
| `label_flow` | whether labels arrive as they used to |
| `segments` | every figure by the values of a column, worst first |
"""
