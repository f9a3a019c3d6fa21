"""How likely an excess is by chance: what keeps a check from crying wolf over the noise of sampling.

A share observed in a finite baseline is itself a sample. Taken as a limit, it is broken by every second healthy window:
on a column with 2.8 % missing values, 420 of 1000 undisturbed windows fell below the baseline's completeness.
"""

import math
from collections.abc import Iterable

ALPHA = 0.001  # a check may fail by chance in one of a thousand windows


def excess_by_chance(hits: int, rows: int, baseline_hits: int, baseline_rows: int) -> float:
    """Probability that a window holds at least that many of all hits, if window and baseline are one population.

    Args: hits among rows of the window, baseline_hits among baseline_rows; 0 <= hits <= rows, and so for both.
    Returns: the exact hypergeometric tail, in [0, 1]; 1 where the window's share is not above the baseline's, so
    that only an excess is ever improbable.
    Source: Fisher's exact test, one-sided; contract detection.md 2.1.
    """
    if hits * baseline_rows <= baseline_hits * rows:
        return 1.0
    total, population = hits + baseline_hits, rows + baseline_rows
    log_first = _log_choose(rows, hits) + _log_choose(baseline_rows, baseline_hits) - _log_choose(population, total)
    # Ratio of the next term (one more hit in the window) to this one.
    last = min(total, rows)
    ratios = ((total - k) * (rows - k) / ((k + 1) * (baseline_rows - total + k + 1)) for k in range(hits, last))
    return _tail(log_first, ratios)


def excess_over_rate(hits: int, rows: int, rate: float) -> float:
    """Probability of at least that many hits among rows, when each is a hit with the known rate.

    Returns: the exact binomial tail, in [0, 1]; 1 where the share of hits is not above the rate.
    """
    if hits <= rate * rows or rate >= 1.0:
        return 1.0
    if rate <= 0.0:
        return 0.0
    log_first = _log_choose(rows, hits) + hits * math.log(rate) + (rows - hits) * math.log1p(-rate)
    odds = rate / (1.0 - rate)
    return _tail(log_first, ((rows - k) / (k + 1) * odds for k in range(hits, rows)))


def _tail(log_first: float, ratios: Iterable[float]) -> float:
    term = total = math.exp(log_first)
    if total == 0.0:
        return 0.0
    for ratio in ratios:
        term *= ratio
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
