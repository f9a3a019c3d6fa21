"""Features made from plain values, as a pass over a table would make them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from watchpost.profiles.kll import QuantileSketch
from watchpost.profiles.statistics import FeatureStatistics, NumericStatistics


def _numbers(values: Sequence[float]) -> FeatureStatistics:
    array = np.asarray(values, dtype=np.float64)
    quantiles = QuantileSketch()
    quantiles.update(array)
    with np.errstate(all="ignore"):
        moments = (array.mean(), array.sum(), array.std(), array.min(), array.max()) if len(array) else (0.0,) * 5
    numeric = NumericStatistics(*map(float, moments), sketch=quantiles.sketch())
    return FeatureStatistics("x", "Fractional", present=len(array), missing=0, numeric=numeric)


def _text(counts: Mapping[str, int]) -> FeatureStatistics:
    return FeatureStatistics("x", "String", present=sum(counts.values()), missing=0, categories=dict(counts))


@pytest.fixture(scope="session")
def numbers() -> Callable[[Sequence[float]], FeatureStatistics]:
    return _numbers


@pytest.fixture(scope="session")
def text() -> Callable[[Mapping[str, int]], FeatureStatistics]:
    return _text
