"""Weighted estimates are unbiased, from the rules that decide to the figures that are read."""

import asyncio
import math
from pathlib import Path

import numpy as np
import polars as pl

import watchpost as wp
from watchpost.capture import ASGICapture, CaptureConfig, CapturedCall, CaptureWriter, Sampling
from watchpost.capture.asgi import Receive, Scope, Send
from watchpost.capture.record import Transcriber, kept
from watchpost.data.ground_truth import EVENT_ID
from watchpost.data.uniform import read_uniform
from watchpost.monitors import Settings
from watchpost.quality.attributes import Attributes
from watchpost.quality.evaluation import evaluate

RULES = Sampling.parse("100 % where amount > 1000, 10 % otherwise")
CALLS, SAMPLINGS = 40, 10_000
ALPHA_Z = 5.0  # a standard normal variable lies beyond it less than once in a million
REGRESSION = Attributes("Regression", inference="p", ground_truth="y", weight="w")
BINARY = Attributes("BinaryClassification", inference="called", ground_truth="positive", weight="w")


def population() -> pl.DataFrame:
    """Calls of which the large ones are answered worse, and are more often positive."""
    rng = np.random.default_rng(11)
    amount = rng.permutation(np.concatenate((rng.uniform(10, 1000, 30), rng.uniform(1001, 3000, 10))))
    large = amount > 1000
    positive = rng.random(CALLS) < np.where(large, 0.7, 0.3)
    called = positive ^ (rng.random(CALLS) < np.where(large, 0.5, 0.2))
    y = amount + rng.normal(0, 10, CALLS)
    p = y + rng.normal(0, 1, CALLS) * np.where(large, 400, 20)
    probability = np.array([RULES.probability(lambda _, a=a: [repr(float(a))]) for a in amount])
    columns = {"amount": amount, "y": y, "p": p, "positive": positive.astype(int), "called": called.astype(int)}
    return pl.DataFrame({**columns, "w": 1 / probability, "probability": probability})


def drawn(probability: np.ndarray) -> np.ndarray:
    """The real decisions on every call in every sampling, shape (samplings, calls)."""
    chances = probability.tolist()
    return np.array(
        [[kept(p, f"{sampling}/{call}", 0) for call, p in enumerate(chances)] for sampling in range(SAMPLINGS)]
    )


def test_weighted_figures_are_unbiased_over_ten_thousand_samplings_and_plain_ones_are_not() -> None:
    calls = population()
    taken = drawn(calls["probability"].to_numpy())
    assert set(calls["w"].to_list()) == {1.0, 10.0}
    weight = calls["w"].to_numpy()
    positive, called = calls["positive"].to_numpy() == 1, calls["called"].to_numpy() == 1
    everyone = np.ones(CALLS)
    figures = {  # parts and wholes, per call
        "mean": (calls["y"].to_numpy(), everyone),
        "share": ((calls["amount"].to_numpy() > 500).astype(float), everyone),
        "mae": (np.abs(calls["p"].to_numpy() - calls["y"].to_numpy()), everyone),
        "recall": ((positive & called).astype(float), positive.astype(float)),
        "false_positive_rate": ((~positive & called).astype(float), (~positive).astype(float)),
        "precision": ((positive & called).astype(float), called.astype(float)),
    }
    for name, (part, whole) in figures.items():
        truth = part.sum() / whole.sum()
        parts, wholes = taken @ (weight * part), taken @ (weight * whole)
        for sums, values in ((parts, part), (wholes, whole), (parts - truth * wholes, part - truth * whole)):
            error = sums.mean() - values.sum()
            assert abs(error) <= ALPHA_Z * sums.std(ddof=1) / math.sqrt(SAMPLINGS) + 1e-9 * abs(values).sum(), name
        # A ratio of two unbiased sums is off by at most its own deviation times the whole's relative one, and by no
        # more than chance leaves of that: Hartley and Ross 1954, Nature 174, 270-271.
        there = wholes > 0
        ratios = parts[there] / wholes[there]
        bound = ratios.std() * wholes[there].std() / wholes[there].mean()
        assert abs(ratios.mean() - truth) <= bound + ALPHA_Z * ratios.std() / math.sqrt(there.sum()), name
    plain = (taken @ figures["mae"][0]) / taken.sum(axis=1)
    truth = figures["mae"][0].mean()
    assert abs(plain.mean() - truth) > 50 * plain.std() / math.sqrt(SAMPLINGS)
    assert plain.mean() > 1.5 * truth


def test_the_engine_computes_these_weighted_estimates() -> None:
    calls = population()
    for sampling in range(20):
        took = [kept(p, f"{sampling}/{call}", 0) for call, p in enumerate(calls["probability"].to_list())]
        rows = calls.filter(pl.Series(took))
        weight = rows["w"]
        assert math.isclose(
            evaluate(rows, REGRESSION).value("mae") or 0.0,
            float((weight * (rows["p"] - rows["y"]).abs()).sum() / weight.sum()),
        )
        hits = float((weight * rows["positive"] * rows["called"]).sum())
        recall = evaluate(rows, BINARY).value("recall")
        positives = float((weight * rows["positive"]).sum())
        assert recall is None if not positives else math.isclose(recall or 0.0, hits / positives)


def test_lines_under_rules_are_alike_and_read_fast() -> None:
    transcriber = Transcriber(CaptureConfig(sampling=RULES, input_columns=("amount",)))
    made = [
        transcriber.line(CapturedCall(f"{amount}".encode(), b"0.5", "text/csv", "text/csv", f"id-{amount}"), 0.0, 0)
        for amount in range(0, 3000, 7)
    ]
    lines = [one for one in made if isinstance(one, bytes)]
    block = read_uniform(b"".join(lines), len(lines))
    assert block is not None
    assert block.weights is not None
    assert set(block.weights.to_list()) == {1.0, 10.0}


def test_a_caller_cannot_choose_the_weight_of_its_records() -> None:
    sent = ("k=v", "watchpost-inclusion-probability=0.000001")
    call = CapturedCall(b'{"amount": 2000}', b"1", "application/json", "text/csv", "i", sent)
    for sampling, expected in ((Sampling(), b'["k=v"]'), (RULES, b'["k=v","watchpost-inclusion-probability=1.0"]')):
        made = Transcriber(CaptureConfig(sampling=sampling)).line(call, 0.0, 0)
        assert isinstance(made, bytes)
        assert b'"customAttributes":' + expected in made


def test_figures_of_traffic_captured_by_rules_are_those_of_all_of_it(tmp_path: Path) -> None:
    """A price model behind ASGI that errs on expensive goods, of which all are captured, and of the others a tenth."""
    rng = np.random.default_rng(5)
    amounts = np.exp(rng.normal(5.3, 1.0, 6000))  # 5 % above 1000
    truth = amounts * rng.lognormal(0, 0.05, len(amounts))
    answers = np.where(amounts > 1000, truth * 1.6, truth + rng.normal(0, 20, len(amounts)))
    whole = pl.DataFrame({"p": answers, "y": truth})
    told = Settings("Regression", inference_attribute="p", ground_truth_attribute="y")
    baseline = wp.suggest_baseline(whole, monitor="model_quality", settings=told)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        place = int((await receive())["body"].split(b",")[1])  # type: ignore[attr-defined]  # an event's body is bytes
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
        await send({"type": "http.response.body", "body": f"{answers[place]:.6f}".encode()})

    config = CaptureConfig(sampling=RULES, input_columns=("amount", "number"), flush_seconds=3600)
    writer = CaptureWriter(config, tmp_path, "resale-price")
    asyncio.run(_ask(ASGICapture(app, writer), amounts))
    writer.close()
    counters = writer.counters
    assert counters.captured + counters.sampled_out == len(amounts)

    labels = pl.DataFrame({EVENT_ID: [f"sale-{i}" for i in range(len(amounts))], "label": truth})
    asked = Settings("Regression", inference_attribute="0", ground_truth=wp.open_dataset(labels))
    report = wp.check(baseline, tmp_path, monitor="model_quality", settings=asked)
    assert report.ok, report.violations
    assert report.current_rows == counters.captured
    assert any(note.startswith("Figures are weighted") and "Kish" in note for note in report.notes)
    found = {figure.name: figure.value for figure in report.figures}
    expected = float(np.abs(answers - truth).mean())
    assert abs((found["mae"] or 0.0) - expected) < 0.1 * expected

    # The same records as if all had been as probable: the captured folder without the word of it.
    for path in tmp_path.rglob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"watchpost-inclusion-probability=", b"nothing="))
    plain = wp.check(baseline, tmp_path, monitor="model_quality", settings=asked)
    assert "mae" in {violation.feature_name for violation in plain.violations}
    assert ({figure.name: figure.value for figure in plain.figures}["mae"] or 0.0) > 2 * expected


async def _ask(app: ASGICapture, amounts: np.ndarray) -> None:
    for place, amount in enumerate(amounts.tolist()):
        body = f"{amount:.4f},{place}".encode()
        headers = [
            (b"content-type", b"text/csv"),
            (b"x-amzn-sagemaker-inference-id", f"sale-{place}".encode()),
        ]

        async def receive(body: bytes = body) -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: object) -> None:
            del event

        await app({"type": "http", "method": "POST", "path": "/invocations", "headers": headers}, receive, send)
