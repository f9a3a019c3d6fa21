"""Distances and tests between two distributions: one file each, found by its name.

Each member works from two features' statistics, never from rows, so a baseline made years ago still serves. `judge`
puts one to work on one feature; `TESTS` lists them all.

How a verdict is reached, in this order:
1. Where nothing can be compared (a side is empty, numbers against text, a file without sketch or counts, more
   categories than are counted, fewer than `minimum_rows` values on a side), drifted is "not_enough_data".
2. A distance at or below its threshold, and a p-value at or above it: "no".
3. A distance above its threshold is "yes" only when it is above it by more than chance alone would add to equal
   distributions once in a thousand windows of this size (`Measure.chance`); between the two it is "not_enough_data".
   Distances estimated from few rows are biased upward, by about (cells) / (rows), and that is how fixed thresholds cry
   wolf on small windows. `robust` has its own allowance inside, `simple` has none, as the original defines them.
4. A p-value below its threshold is "yes": chance is what it measures.
So "yes" always means beyond the threshold, and "no" never does.
"""

from watchpost.drift._judgement import judge, load
from watchpost.drift._test import TESTS, DriftTest, Measure

__all__ = ["TESTS", "DriftTest", "Measure", "judge", "load"]
