"""Endpoints over a real store, models behind real sockets, and a clock that is moved by hand."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event as Stop
from threading import Thread
from time import monotonic

import pytest

from watchpost.errors import Refused
from watchpost.events.envelope import Event
from watchpost.metrics.identity import Datum
from watchpost.runners import Container, Question, read_toml
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.endpoints.changes import Wanted
from watchpost.service.endpoints.documents import Capture, Publishing, VariantPlan
from watchpost.service.endpoints.endpoints import Endpoints
from watchpost.service.endpoints.gateway import Invocation, Invoked
from watchpost.service.endpoints.serving import serving_history
from watchpost.stores.objects.open import open_objects
from watchpost.stores.store import Store, Transaction

ACTOR = "tester"


@dataclass
class ModelServer:
    """A model behind HTTP: answers its name, or whatever it was told to."""

    name: str
    url: str = ""
    healthy: bool = True
    status: int = 200
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def model_server() -> Iterator[Callable[[str], ModelServer]]:
    servers: list[tuple[ThreadingHTTPServer, Thread]] = []

    def start(name: str) -> ModelServer:
        own = ModelServer(name)

        class Model(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/csv")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from=model")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._say(200 if own.healthy else 503, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                own.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self._say(own.status, own.name.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
        server.daemon_threads = True
        own.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return own

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def awaited(what: Callable[[], object], seconds: float = 10) -> None:
    until, never = monotonic() + seconds, Stop()
    while not what():
        assert monotonic() < until
        never.wait(0.01)


class House:
    """The endpoints of a server, worked by hand."""

    def __init__(self, store: Store, clock: ManualClock, home: Path) -> None:
        numbers = count()
        self.clock, self.loud = clock, list[str]()
        self.events: list[Event] = []
        self.data: list[Datum] = []
        self.objects = open_objects(home / "objects")
        settings = read_toml(
            "[limits]\nstartup_seconds = 0.6\ninvocation_seconds = 5\n[capture]\nflush_seconds = 0.1\n"
        )
        self.draws = iter(lambda: 0.5, None)
        self.endpoints = Endpoints(
            store,
            clock,
            Configuration(home),
            lambda: f"{next(numbers):032x}",
            events=self,
            objects=self.objects,
            put_metrics=self.data.extend,
            put_logs=self._log,
            settings=settings,
            in_alarm=lambda names: [name for name in names if name in self.loud],
            rng=lambda: next(self.draws),
        )
        self.lines: list[tuple[str, str, str]] = []
        self.changes = self.endpoints.changes

    def publish(self, tx: Transaction, event: Event) -> None:
        self.events.append(event)

    def _log(self, group: str, stream: str, events: Sequence[tuple[int, str]], *_: object) -> "House":
        self.lines += [(group, stream, message) for _, message in events]
        return self

    number = 1

    def config(self, name: str, *models: ModelServer, capture: Capture | None = None, **weights: float) -> None:
        plans = []
        for model in models:
            known = {one.name for one in self.endpoints.models.all()}
            if model.name not in known:
                self.endpoints.models.create(model.name, Container(model.url), {}, {}, ACTOR)
            plans.append(VariantPlan(model.name, model.name, weights.get(model.name, 1.0)))
        self.endpoints.configs.create(name, tuple(plans), (), capture, Publishing(), {}, {}, ACTOR)

    def settle(self, name: str = "e") -> str:
        """Work until nothing is in transition without the clock being moved; the status."""

        def still() -> bool:
            self.endpoints.deployer.step(self.clock.now())
            endpoint = self.endpoints.describe(name)
            waiting = endpoint.shift is not None and endpoint.shift.since is not None
            return endpoint.status in {"InService", "Failed"} or waiting

        awaited(still)
        return self.endpoints.describe(name).status

    def start(self, *models: ModelServer, **weights: float) -> None:
        self.config("c", *models, **weights)
        self.changes.create("e", "c", None, {}, ACTOR)
        assert self.settle() == "InService", self.endpoints.describe("e").failure

    def close(self) -> None:
        stop = Stop()
        stop.set()
        self.endpoints.run(stop)

    def ask(self, body: bytes = b"1,2", target: str = "", draw: float = 0.5) -> Invoked:
        self.draws = iter(lambda: draw, None)
        return self.endpoints.invoke(Invocation("e", Question(body, "text/csv", "text/csv", "k=v"), target, "id-1"))

    def states(self) -> list[object]:
        kind = "SageMaker Endpoint State Change"
        return [event.detail["EndpointStatus"] for event in self.events if event.detail_type == kind]


@pytest.fixture
def house(store: Store, clock: ManualClock, tmp_path: Path) -> Iterator[House]:
    house = House(store, clock, tmp_path)
    yield house
    house.close()


Start = Callable[[str], ModelServer]


def test_an_endpoint_serves_when_its_variants_are_healthy_and_tells_of_each_step(
    house: House, model_server: Start
) -> None:
    a = model_server("a")
    a.healthy = False
    house.config("c", a)
    house.changes.create("e", "c", None, {}, ACTOR)
    house.endpoints.deployer.step(house.clock.now())
    with pytest.raises(Refused, match="not found"):
        house.ask()
    a.healthy = True
    assert house.settle() == "InService"
    assert house.ask().answer.body == b"a"
    assert house.states() == ["CREATING", "IN_SERVICE"]
    [model, config] = [event.detail_type for event in house.events[:2]]
    assert (model, config) == ("SageMaker Model State Change", "SageMaker Endpoint Config State Change")


def test_what_the_caller_said_reaches_the_model_and_its_attributes_come_back(house: House, model_server: Start) -> None:
    a = model_server("a")
    house.start(a)
    invoked = house.ask(b"7")
    assert (invoked.variant, invoked.answer.attributes) == ("a", "from=model")
    [(headers, body)] = a.asked
    assert body == b"7"
    wanted = {
        "content-type": "text/csv",
        "accept": "text/csv",
        "x-amzn-sagemaker-custom-attributes": "k=v",
        "x-amzn-sagemaker-inference-id": "id-1",
    }
    assert wanted.items() <= headers.items()


def test_an_endpoint_that_never_becomes_healthy_failed_and_says_why(house: House, model_server: Start) -> None:
    a = model_server("a")
    a.healthy = False
    house.config("c", a)
    house.changes.create("e", "c", None, {}, ACTOR)
    assert house.settle() == "Failed"
    assert "did not pass the ping health check" in (house.endpoints.describe("e").failure or "")
    assert "it answered 503" in (house.endpoints.describe("e").failure or "")
    with pytest.raises(Refused, match="can only be deleted"):
        house.changes.update("e", "c", ACTOR)
    house.changes.delete("e", ACTOR)
    awaited(lambda: house.endpoints.deployer.step(house.clock.now()) is False)
    assert house.endpoints.all() == []


def test_an_image_without_a_runner_fails_the_endpoint_with_what_to_do(house: House) -> None:
    house.endpoints.models.create("m", Container("sklearn:1", "s3://b/m.tar.gz"), {}, {}, ACTOR)
    house.endpoints.configs.create("c", (VariantPlan("v", "m"),), (), None, Publishing(), {}, {}, ACTOR)
    house.changes.create("e", "c", None, {}, ACTOR)
    assert house.settle() == "Failed"
    assert "No runner for image 'sklearn:1'" in (house.endpoints.describe("e").failure or "")


def test_an_update_that_fails_leaves_the_old_fleet_in_service(house: House, model_server: Start) -> None:
    a, b = model_server("a"), model_server("b")
    house.start(a)
    b.healthy = False
    house.config("c2", b)
    house.changes.update("e", "c2", ACTOR)
    assert house.settle() == "InService"
    endpoint = house.endpoints.describe("e")
    assert (endpoint.config, house.ask().answer.body) == ("c", b"a")
    assert "it answered 503" in (endpoint.failure or "")


def test_a_model_and_a_configuration_may_go_while_their_endpoint_stays(house: House, model_server: Start) -> None:
    house.start(model_server("a"))
    house.endpoints.models.delete("a", ACTOR)
    house.endpoints.configs.delete("c", ACTOR)
    house.endpoints.deployer.step(house.clock.now())
    assert house.ask().answer.body == b"a"


CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            "WaitIntervalInSeconds": 300,
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}


def canary(house: House, model_server: Start) -> None:
    house.start(model_server("a"))
    house.config("c2", model_server("b"))
    house.changes.update("e", "c2", ACTOR, policy=CANARY)
    assert house.settle() == "Updating"


def test_a_canary_gets_its_part_until_the_interval_has_passed(house: House, model_server: Start) -> None:
    canary(house, model_server)
    assert [house.ask(draw=draw).variant for draw in (0.0, 0.89, 0.91, 0.99)] == ["a", "a", "b", "b"]
    house.clock.advance(299)
    house.settle()
    assert house.ask(draw=0.0).variant == "a"
    house.clock.advance(1)
    house.settle()
    assert [house.ask(draw=draw).variant for draw in (0.0, 0.99)] == ["b", "b"]
    assert house.endpoints.describe("e").status == "Updating"  # it bakes
    house.clock.advance(300)
    assert house.settle() == "InService"
    assert house.endpoints.describe("e").config == "c2"
    moved = [event for event in house.events if event.detail_type == "SageMaker Endpoint Deployment State Change"]
    fractions = [event.detail["PendingDeploymentSummary"]["TrafficFraction"] for event in moved]  # type: ignore[index]
    assert fractions == [0.0, 0.1, 1.0]


def test_an_alarm_while_a_canary_bakes_rolls_it_back(house: House, model_server: Start) -> None:
    canary(house, model_server)
    house.loud.append("errors")
    assert house.settle() == "InService"
    endpoint = house.endpoints.describe("e")
    assert (endpoint.config, endpoint.failure) == ("c", "Rolled back because of alarm errors.")
    assert {house.ask(draw=draw).variant for draw in (0.0, 0.99)} == {"a"}


def test_an_update_under_way_can_be_given_up(house: House, model_server: Start) -> None:
    canary(house, model_server)
    house.changes.rollback("e", ACTOR, "a person said so")
    assert house.settle() == "InService"
    endpoint = house.endpoints.describe("e")
    assert (endpoint.config, endpoint.failure) == ("c", "a person said so")
    assert house.states()[-2:] == ["ROLLING_BACK", "IN_SERVICE"]


def test_a_rollback_brings_the_fleet_before_the_last_update_back(house: House, model_server: Start) -> None:
    house.start(model_server("a"))
    with pytest.raises(Refused, match="no earlier deployment"):
        house.changes.rollback("e", ACTOR)
    house.config("c2", model_server("b"))
    house.changes.update("e", "c2", ACTOR)
    house.settle()
    assert house.ask().variant == "b"
    house.changes.rollback("e", ACTOR)
    house.settle()
    assert (house.ask().variant, house.endpoints.describe("e").config) == ("a", "c")


def test_traffic_is_shifted_sent_to_a_fallback_and_restored(house: House, model_server: Start) -> None:
    house.start(model_server("a"), model_server("b"), a=9, b=1)
    assert house.ask(draw=0.89).variant == "a"
    house.changes.shift_traffic("e", {"a": 1, "b": 1}, ACTOR, "try")
    house.settle()
    assert house.ask(draw=0.6).variant == "b"
    house.changes.fallback("e", "b", ACTOR, "a drifts")
    house.changes.fallback("e", "b", ACTOR, "and again")
    house.settle()
    assert {house.ask(draw=draw).variant for draw in (0.0, 0.99)} == {"b"}
    assert house.ask(target="a").variant == "a"
    house.changes.restore("e", ACTOR)
    house.settle()
    live = house.endpoints.describe("e").live
    assert live is not None
    assert {variant.name: variant.weight for variant in live.variants} == {"a": 1, "b": 1}
    with pytest.raises(Refused, match="not sent to a fallback"):
        house.changes.restore("e", ACTOR)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [([Wanted("x", 1)], "x not found"), ([Wanted("a", 0)], "above 0"), ([Wanted("a", None, 0)], "at least one")],
)
def test_weights_that_make_no_sense_are_refused(
    house: House, model_server: Start, wanted: list[Wanted], why: str
) -> None:
    house.start(model_server("a"))
    with pytest.raises(Refused, match=why):
        house.changes.update_weights("e", wanted, ACTOR)


def test_an_update_keeps_what_it_is_told_to(house: House, model_server: Start) -> None:
    a, b = model_server("a"), model_server("b")
    house.start(a, b)
    house.changes.update_weights("e", [Wanted("a", 5.0, 3)], ACTOR)
    assert house.settle() == "InService"
    house.config("c2", a, b)
    house.changes.update("e", "c2", ACTOR, retain=("DesiredWeight",))
    house.settle()
    live = house.endpoints.describe("e").live
    assert live is not None
    assert [(variant.name, variant.weight, variant.instances) for variant in live.variants] == [
        ("a", 5.0, 1),
        ("b", 1.0, 1),
    ]


def test_only_one_change_at_a_time(house: House, model_server: Start) -> None:
    canary(house, model_server)
    for change in (
        lambda: house.changes.update("e", "c", ACTOR),
        lambda: house.changes.update_weights("e", [Wanted("a", 2)], ACTOR),
        lambda: house.changes.shift_traffic("e", {"a": 1}, ACTOR),
        lambda: house.changes.delete("e", ACTOR),
    ):
        with pytest.raises(Refused, match="in-progress"):
            change()


def test_a_shadow_gets_copies_and_nobody_its_answers(house: House, model_server: Start) -> None:
    a, b = model_server("a"), model_server("b")
    house.config("unused", a, b)
    house.endpoints.configs.create(
        "c", (VariantPlan("a", "a"),), (VariantPlan("b", "b", 0.5),), None, Publishing(), {}, {}, ACTOR
    )
    house.changes.create("e", "c", None, {}, ACTOR)
    house.settle()
    b.status = 500
    assert [house.ask(draw=draw).answer.body for draw in (0.49, 0.51, 0.2)] == [b"a"] * 3
    awaited(lambda: len(b.asked) >= 2)
    assert (len(a.asked), len(b.asked)) == (3, 2)


@pytest.mark.parametrize(("status", "whose"), [(400, "client"), (500, "server"), (302, "server")])
def test_a_models_error_is_told_with_its_own_words_and_counted(
    house: House, model_server: Start, status: int, whose: str
) -> None:
    a = model_server("a")
    house.start(a)
    a.status = status
    with pytest.raises(
        Refused, match=f'Received {whose} error \\({status}\\) from primary with message "a"'
    ) as refusal:
        house.ask()
    assert refusal.value.fault == "ModelError"
    assert refusal.value.members["OriginalStatusCode"] == status
    house.endpoints.metrics.step(house.clock.advance(60).timestamp())
    sums = {d.metric.name: d.values for d in house.data if d.metric.name.startswith("Invocation")}
    assert sums["InvocationModelErrors"] == (1.0,)
    assert sums["Invocation4XXErrors"] == (float(400 <= status < 500),)
    assert sums["Invocation5XXErrors"] == (float(status >= 500),)
    assert house.lines[0][0] == "/aws/sagemaker/Endpoints/e"


def test_captured_traffic_lies_where_the_configuration_says(house: House, model_server: Start) -> None:
    house.objects.create_bucket("bucket")
    capture = Capture(True, 100, "s3://bucket/captured", csv_types=("text/csv",))
    house.config("c", model_server("a"), capture=capture)
    house.changes.create("e", "c", None, {}, ACTOR)
    house.settle()
    house.ask(b"1,2")
    house.changes.delete("e", ACTOR)
    awaited(lambda: not house.endpoints.deployer.step(house.clock.now()) and house.objects.list("bucket"))
    [info] = house.objects.list("bucket")
    assert info.key.startswith("captured/e/a/2026/07/01/12/")
    record = json.loads(house.objects.get("bucket", info.key))
    assert record["captureData"]["endpointInput"]["data"] == "1,2"
    assert record["captureData"]["endpointOutput"]["data"] == "a"
    assert record["eventMetadata"]["inferenceId"] == "id-1"
    assert record["eventMetadata"]["customAttributes"] == ["k=v"]


def test_a_deleted_endpoint_is_gone_when_its_requests_have_ended(house: House, model_server: Start) -> None:
    house.start(model_server("a"))
    house.changes.delete("e", ACTOR)
    awaited(lambda: not house.endpoints.deployer.step(house.clock.now()))
    assert house.endpoints.all() == []
    with pytest.raises(Refused, match="Endpoint e of account 000000000000 not found"):
        house.ask()
    assert house.states()[-1] == "DELETING"


def test_names_are_taken_once_and_what_is_missing_is_named(house: House, model_server: Start) -> None:
    house.start(model_server("a"))
    with pytest.raises(Refused, match="already existing endpoint"):
        house.changes.create("e", "c", None, {}, ACTOR)
    with pytest.raises(Refused, match="Could not find endpoint configuration"):
        house.changes.create("e2", "nope", None, {}, ACTOR)
    with pytest.raises(Refused, match="Could not find model"):
        house.endpoints.configs.create("c9", (VariantPlan("v", "nope"),), (), None, Publishing(), {}, {}, ACTOR)
    plans = (VariantPlan("v", "a", instances=9),)
    with pytest.raises(Refused, match="at most 8 processes"):
        house.endpoints.configs.create("c9", plans, (), None, Publishing(), {}, {}, ACTOR)


def test_a_restart_brings_every_endpoint_back(
    house: House, model_server: Start, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    a = model_server("a")
    house.start(a)
    a.healthy = False  # what served before gets traffic without being asked how it is
    other = House(store, clock, tmp_path)
    other.endpoints.deployer.step(clock.now())
    assert other.ask().answer.body == b"a"
    assert other.states() == []
    other.close()


def test_two_servers_deploy_an_endpoint_once(
    house: House, model_server: Start, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    other = House(store, clock, tmp_path)
    house.config("c", model_server("a"))
    house.changes.create("e", "c", None, {}, ACTOR)
    awaited(lambda: sum(one.endpoints.deployer.step(clock.now()) for one in (house, other)) == 0)
    for one in (house, other):
        one.endpoints.deployer.step(clock.now())
        assert one.ask().answer.body == b"a"
    other.close()
    assert [*house.states(), *other.states()] == ["CREATING", "IN_SERVICE"]
    live = store.read(lambda tx: [entry.entry.kind for entry in tx.journal(subject=house.endpoints.describe("e").arn)])
    assert live == ["endpoint.deploy", "endpoint.create"]


def test_which_models_served_when_is_kept_also_when_the_endpoint_is_gone(
    house: House, model_server: Start, store: Store
) -> None:
    begun = house.clock.now()
    house.start(model_server("a"), model_server("b"), a=1.0, b=0.0)
    house.clock.advance(60)
    house.changes.shift_traffic("e", {"b": 1.0}, ACTOR)
    house.clock.advance(60)
    house.config("c2", model_server("c"))
    house.changes.update("e", "c2", ACTOR)
    house.settle()
    house.clock.advance(60)
    house.changes.delete("e", ACTOR)
    awaited(lambda: house.endpoints.deployer.step(house.clock.now()) or not house.endpoints.all())
    history = store.read(lambda tx: serving_history(tx, "e"))
    assert [((line.at - begun).total_seconds(), [one.model for one in line.variants]) for line in history] == [
        (0, ["a"]),
        (60, ["a", "b"]),
        (120, ["c"]),
        (180, []),
    ]
