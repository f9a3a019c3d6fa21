"""What the demo is made of: its model, its inbox, its client."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Refused
from watchpost.fronts.demo import resale_prices
from watchpost.fronts.demo.client import Client
from watchpost.fronts.demo.fitting import FEATURES, fit, predicted, write_model
from watchpost.fronts.demo.inbox import open_inbox
from watchpost.fronts.demo.price_model import price
from watchpost.runners import Container, Question, Settings, plan
from watchpost.runners._settings import Python
from watchpost.runners.python_callable import load
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

SALES = resale_prices(np.random.default_rng(7), 24, 200)
FITTED = fit(SALES)
FLAT = ["95", "61", "TAMPINES", "4 ROOM", "07 TO 09", "Model A"]


@given(st.floats(20, 200), st.floats(1.01, 3))
def test_a_larger_flat_costs_more(area: float, times: float) -> None:
    assert price([str(area * times), *FLAT[1:]], FITTED) > price([str(area), *FLAT[1:]], FITTED)


@given(st.sampled_from(range(2, len(FLAT))), st.text(max_size=8).filter(lambda text: text not in str(FITTED)))
def test_an_unknown_category_counts_between_the_known_ones(place: int, unknown: str) -> None:
    levels = FITTED["levels"]
    assert isinstance(levels, dict)
    prices = [price([*FLAT[:place], level, *FLAT[place + 1 :]], FITTED) for level in levels[FEATURES[place]]]
    assert min(prices) <= price([*FLAT[:place], unknown, *FLAT[place + 1 :]], FITTED) <= max(prices)


@given(st.lists(st.tuples(st.sampled_from(["", "1022.6", "95", "0"]), st.sampled_from(["", "-3", "61"])), max_size=3))
def test_whatever_a_row_lacks_it_has_a_price(cells: list[tuple[str, str]]) -> None:
    assert all(price([*pair, *FLAT[2:]], FITTED) > 0 for pair in cells)


def test_the_model_misses_by_little_more_than_the_noise_of_the_prices() -> None:
    # Prices scatter by 9 % (log-normal), which makes a mean absolute error of 7.2 %: sqrt(2 / pi) of it.
    misses = (predicted(SALES, FITTED) - SALES["resale_price"]).abs() / SALES["resale_price"]
    assert 0.06 < float(np.mean(misses.to_numpy())) < 0.08


def test_the_written_model_answers_as_the_fitted_one(tmp_path: Path) -> None:
    write_model(tmp_path, FITTED)
    named = (("WATCHPOST_CALLABLE", "resale_price:predict"), ("WATCHPOST_FOLDER", str(tmp_path)))
    job = plan(Container("resale-price", environment=named), Settings(python=Python((str(tmp_path),))))
    model = load(job, None)  # type: ignore[arg-type]  # a callable's plan is a job
    rows = SALES.head(5)
    text = rows.select(FEATURES).write_csv(include_header=False)
    answer = model(Question(text.encode(), "text/csv"))
    assert [float(line) for line in answer.body.splitlines()] == predicted(rows, FITTED).to_list()


def test_inbox_keeps_what_is_posted_to_it(tmp_path: Path) -> None:
    with open_inbox(tmp_path / "inbox") as inbox:
        address = inbox.address.replace("json://", "http://")
        body = json.dumps({"title": "ALARM", "message": "floor_area_sqm moved"}).encode()
        with urlopen(Request(address, body), timeout=30) as answer:
            assert answer.status == 204
    [letter] = inbox.letters
    assert (letter.subject, letter.text) == ("ALARM", "floor_area_sqm moved")
    assert letter.path.read_text() == "ALARM\n\nfloor_area_sqm moved\n"


def test_client_is_refused_what_a_client_over_the_wire_is(tmp_path: Path) -> None:
    with open_server(Configuration(tmp_path / "home")) as server:
        ask = Client(server)
        with pytest.raises(Refused, match="endpointName"):
            ask("sagemaker", "CreateEndpoint", EndpointConfigName="one")
        with pytest.raises(Refused, match="Could not find"):
            ask("sagemaker", "DescribeEndpoint", EndpointName="none")
        assert ask("sagemaker", "ListEndpoints")["Endpoints"] == []
