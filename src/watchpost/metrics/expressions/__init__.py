"""Metric math: `parse` turns text into nodes, `evaluate` turns nodes into time series.

`syntax` the nodes and their text; `parser` the grammar; `values` the four types on time grids; `operators`, `gaps`,
`reductions`, `functions` what can be done with them; `evaluation` walks the nodes.
"""
