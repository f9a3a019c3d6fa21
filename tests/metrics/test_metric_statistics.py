"""Every statistic against a slow reference over the samples written out, and the grammar with its refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.metrics.batch import batch
from watchpost.metrics.cells import Cells, merge, rolled
from watchpost.metrics.identity import Datum, Metric
from watchpost.metrics.sketch import RELATIVE_ERROR
from watchpost.metrics.statistics import Statistic, evaluate, parse_statistic

SAMPLES = st.lists(st.integers(0, 40).map(float) | st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=40)
PERCENT = st.integers(0, 100)


def cell(samples: list[float]) -> Cells:
    data = [Datum(Metric("app", "a"), 60 * i, (value,), (1.0,)) for i, value in enumerate(samples)]
    arrived = batch(data)
    return rolled(merge([arrived.numbered(dict.fromkeys(arrived.series, 1))]), 86_400)


def answer(samples: list[float], text: str) -> float:
    return float(evaluate(cell(samples), parse_statistic(text))[0])


# --- against a reference --------------------------------------------------------------------------------------------


@given(SAMPLES)
def test_plain_statistics_are_those_of_the_samples(samples: list[float]) -> None:
    assert answer(samples, "SampleCount") == len(samples)
    assert answer(samples, "Sum") == pytest.approx(sum(samples))
    assert answer(samples, "Average") == pytest.approx(np.mean(samples))
    assert answer(samples, "Minimum") == min(samples)
    assert answer(samples, "Maximum") == max(samples)


@given(st.floats(0.01, 1e6), st.integers(1, 50))
def test_the_average_of_equal_samples_is_that_value_exactly(value: float, times: int) -> None:
    assert answer([value] * times, "Average") == value


@given(SAMPLES, st.decimals(0, 100, places=2))
def test_a_percentile_is_numpys_of_the_samples_written_out(samples: list[float], percent: object) -> None:
    expected = np.percentile(samples, float(str(percent)))
    assert answer(samples, f"p{percent}") == pytest.approx(expected, rel=1e-9, abs=1e-9)


def trimmed(samples: list[float], low: int, high: int) -> tuple[Fraction, Fraction]:
    """Number and sum of what lies between two percents, with exact fractions of the samples on the edges."""
    first, last = Fraction(low * len(samples), 100), Fraction(high * len(samples), 100)
    number = total = Fraction(0)
    for rank, value in enumerate(sorted(samples)):
        inside = max(min(Fraction(rank + 1), last) - max(Fraction(rank), first), Fraction(0))
        number, total = number + inside, total + inside * Fraction(value)
    return number, total


@given(SAMPLES, st.tuples(PERCENT, PERCENT).filter(lambda bounds: bounds[0] < bounds[1]))
def test_trimming_by_percent_cuts_samples_on_the_edge(samples: list[float], bounds: tuple[int, int]) -> None:
    number, total = trimmed(samples, *bounds)
    span = f"({bounds[0]}%:{bounds[1]}%)"
    assert answer(samples, f"TC{span}") == pytest.approx(float(number))
    assert answer(samples, f"TS{span}") == pytest.approx(float(total), rel=1e-9, abs=1e-9)
    assert answer(samples, f"TM{span}") == pytest.approx(float(total / number), rel=1e-9, abs=1e-9)


@given(SAMPLES, st.tuples(PERCENT, PERCENT).filter(lambda bounds: bounds[0] < bounds[1]))
def test_winsorizing_moves_outsiders_to_the_percentiles(samples: list[float], bounds: tuple[int, int]) -> None:
    expected = np.mean(np.clip(samples, *np.percentile(samples, bounds)))
    assert answer(samples, f"WM({bounds[0]}%:{bounds[1]}%)") == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SAMPLES, st.tuples(st.integers(0, 40), st.integers(1, 50)).filter(lambda bounds: bounds[0] < bounds[1]))
def test_trimming_by_value_leaves_out_the_lower_bound(samples: list[float], bounds: tuple[int, int]) -> None:
    low, high = bounds
    inside = [value for value in samples if low < value <= high]
    assert answer(samples, f"TC({low}:{high})") == len(inside)
    assert answer(samples, f"TS({low}:{high})") == pytest.approx(sum(inside))
    assert answer(samples, f"PR({low}:{high})") == pytest.approx(100 * len(inside) / len(samples))
    mean = answer(samples, f"TM({low}:{high})")
    assert mean == pytest.approx(np.mean(inside)) if inside else np.isnan(mean)
    assert answer(samples, f"WM({low}:{high})") == pytest.approx(np.mean(np.clip(samples, low, high)))


@given(SAMPLES, st.integers(1, 99))
def test_a_short_form_is_the_long_form_with_an_open_lower_bound(samples: list[float], percent: int) -> None:
    for short, long in (("tm", "TM"), ("tc", "TC"), ("ts", "TS"), ("wm", "WM")):
        assert answer(samples, f"{short}{percent}") == answer(samples, f"{long}(:{percent}%)")
    assert answer(samples, "IQM") == answer(samples, "TM(25%:75%)")


@given(st.lists(st.floats(0.001, 1e6), min_size=200, max_size=400, unique=True), PERCENT)
def test_percentiles_of_rounded_sketches_keep_the_stated_error(samples: list[float], percent: int) -> None:
    own, expected = cell(samples), np.percentile(samples, percent)
    assert own.coarse.all()
    assert evaluate(own, parse_statistic(f"p{percent}"))[0] == pytest.approx(expected, rel=RELATIVE_ERROR)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 3)), min_size=1, max_size=20), st.data())
def test_percentiles_of_fractional_counts_rise_from_minimum_to_maximum(
    pairs: list[tuple[int, float]], choice: st.DataObject
) -> None:
    values, counts = zip(*pairs, strict=True)
    arrived = batch([Datum(Metric("app", "a"), 60, tuple(map(float, values)), counts)])
    own = arrived.numbered(dict.fromkeys(arrived.series, 1))
    asked = sorted(choice.draw(st.lists(PERCENT, min_size=2, max_size=5)))
    found = [float(evaluate(own, parse_statistic(f"p{percent}"))[0]) for percent in (0, *asked, 100)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (min(values), max(values))


# --- what has no value ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["p50", "TM(10%:90%)", "tc90", "TS(0:5)", "WM(1:2)", "PR(0:5)", "IQM"])
def test_nothing_but_plain_statistics_is_known_of_negative_values(text: str) -> None:
    assert np.isnan(answer([-1.0, 2.0, 3.0], text))
    assert answer([-1.0, 2.0, 3.0], "Average") == pytest.approx(4 / 3)


def test_nothing_inside_counts_as_zero_but_has_no_mean() -> None:
    own = [1.0, 2.0, 3.0]
    assert [answer(own, f"{form}(10:20)") for form in ("TC", "TS", "PR")] == [0.0, 0.0, 0.0]
    assert np.isnan(answer(own, "TM(10:20)"))


# --- grammar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99.9", Statistic("p", None, 99.9, percent=True)),
        ("p100", Statistic("p", None, 100.0, percent=True)),
        ("tm90", Statistic("TM", None, 90.0, percent=True)),
        ("TM(:90%)", Statistic("TM", None, 90.0, percent=True)),
        ("TM(10%:)", Statistic("TM", 10.0, None, percent=True)),
        ("WM(10%:90.5%)", Statistic("WM", 10.0, 90.5, percent=True)),
        ("PR(:300)", Statistic("PR", None, 300.0)),
        ("PR(100:2000)", Statistic("PR", 100.0, 2000.0)),
        ("TS(80:)", Statistic("TS", 80.0, None)),
        ("TC(0.005:0.030)", Statistic("TC", 0.005, 0.03)),
        ("IQM", Statistic("TM", 25.0, 75.0, percent=True)),
    ],
)
def test_the_grammar_reads_what_the_user_guide_writes(text: str, expected: Statistic) -> None:
    assert parse_statistic(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "average", "p", "p101", "p-1", "p99.12345678901", "P99", "tm", "TM", "TM()", "TM(:)", "TM(%:90%)",
        "TM(10:90%)",
        "TM(10%:90)", "PR(10%:90%)", "TM(90%:10%)", "TM(50%:50%)", "PR(5:5)", "PR(-1:5)", "TM(10%:101%)", "pr90",
        "p99 ", "TM(100%:)", "p٩",
    ],
)  # fmt: skip
def test_what_is_no_statistic_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused, match="is not supported") as refused:
        parse_statistic(text)
    assert refused.value.fault == "InvalidParameterValueException"
