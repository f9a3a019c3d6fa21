"""What the pages say."""

import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.alarms.notification import readable
from watchpost.alarms.records import ALARM, OK, AlarmState, MetricAlarm, Transition, alarm_arn, initial_state
from watchpost.fronts.web.pages.alarm import plugin as alarm_page
from watchpost.fronts.web.rendering import alarm_path
from watchpost.metrics.identity import Metric, MetricStat
from watchpost.service.alarms.documents import METRIC_ALARM, STATE
from watchpost.service.monitoring.runs_listed import put_execution
from watchpost.service.topics.told import tellings
from watchpost.service.worker import Worker
from watchpost.stores.store import Entry

from .house import MINUTE, TOPIC, House

VIOLATIONS = json.dumps(
    {
        "violations": [
            {
                "feature_name": "age",
                "constraint_check_type": "baseline_drift_check",
                "description": "Distance 0.9 exceeds 0.1",
            }
        ]
    }
).encode()


class Tags(HTMLParser):
    """Every tag with its attributes, and every link."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]


@pytest.mark.usefixtures("topic")
def test_the_first_page_says_what_is_wrong_since_when_and_why(house: House) -> None:
    house.alarm("slow shop")
    house.alarm("quiet", MetricName="other")
    house.minutes(120.0, 280.0)
    page = house.page("/")
    assert "1 alarm is in ALARM" in page
    assert "Average of latency was 280 at 12:01 UTC on 2026-07-01, above 200." in page
    assert 'since <time datetime="2026-07-01T12:02:00Z"' in page
    assert "2 alarms" in page


def test_the_first_page_of_a_new_server_says_how_to_begin(house: House) -> None:
    house.server.start()
    page = house.page("/")
    assert "Nothing is watched yet" in page
    assert "watchpost env" in page


def test_the_first_page_says_that_all_is_well(house: House) -> None:
    house.server.start()
    house.alarm("fine")
    house.minutes(10.0)
    assert "All is well" in house.page("/")


def test_a_server_that_does_not_evaluate_does_not_say_that_all_is_well(house: House) -> None:
    house.alarm("fine")
    page = house.page("/")
    assert "All is well" not in page
    assert "these loops do not come round" in page


@pytest.mark.usefixtures("topic")
def test_the_page_of_an_alarm_says_what_a_person_at_night_needs(house: House) -> None:
    house.alarm("slow", EvaluationPeriods=3, DatapointsToAlarm=2, AlarmDescription="See runbook 12.")
    house.minutes(120.0, 280.0, None, 290.0, 290.0)
    page = house.page("/alarms/slow")
    assert "is in ALARM" in page
    assert "So it was in 2 of the last 3 datapoints; 2 are enough." in page
    assert "See runbook 12." in page
    assert "In ALARM when Average of latency is above 200 in 2 of 3 periods of 1 min" in page
    assert "Threshold Crossed: 2 out of the last 3 datapoints" in page
    assert "aws cloudwatch describe-alarms --alarm-names slow" in page
    assert "describe_alarms(AlarmNames=['slow'])" in page
    assert "Alarm updated from OK to ALARM" in page
    assert "4 datapoints from 120 to 290, the last one 290; 3 datapoints beyond the limit." in page
    assert page.count('class="tip"') == 3
    assert 'class="in-alarm"' in page


@pytest.mark.parametrize(
    ("given_", "values", "said"),
    [
        ({"ComparisonOperator": "LessThanThreshold"}, (150.0,), "was 150 at 12:00 UTC on 2026-07-01, below 200."),
        ({}, (199.99999,), "was 199.99999 at 12:00 UTC on 2026-07-01, not above 200"),
        ({"TreatMissingData": "breaching"}, (None,), "came in 1 period of 1 min, which counts as breaching."),
        ({"TreatMissingData": "notBreaching"}, (None,), "came in 1 period of 1 min, which counts as good."),
        ({}, (1.0, None, None, None), "came in 1 period of 1 min, so there is nothing to judge by."),
        ({}, (), "It is new and has not been evaluated yet."),
        (
            {"TreatMissingData": "breaching", "EvaluationPeriods": 2},
            (300.0, None, None, None),
            "was 300 at 12:00 UTC on 2026-07-01, above 200. 1 period without data count as breaching.",
        ),
    ],
)
def test_a_cause_is_told_in_plain_words(house: House, given_: dict, values: tuple, said: str) -> None:
    house.alarm("a", **given_)
    pages = []
    for value in values:
        house.minutes(value)
        pages.append(house.page("/alarms/a"))
    assert any(said in page for page in pages or [house.page("/alarms/a")])


def test_an_alarm_set_by_hand_gives_the_reason_that_was_given(house: House) -> None:
    house.alarm("a")
    house.server.alarms.changes.set_state("a", "ALARM", "a drill & <nothing> more", '{"evaluatedDatapoints": 7}')
    assert "a drill & <nothing> more" in house.page("/alarms/a")


def test_a_band_is_drawn_and_told(house: House) -> None:
    band = {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"}
    stat = {"Metric": {"Namespace": "shop", "MetricName": "latency"}, "Period": 60, "Stat": "Average"}
    house.past(*[100.0 + i % 5 for i in range(40)])
    house.alarm(
        "odd",
        Metrics=[{"Id": "m", "MetricStat": stat}, band],
        ThresholdMetricId="b",
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
    )
    house.minutes(900.0)
    page = house.page("/alarms/odd")
    assert "is outside of its usual band" in page
    assert 'class="series-line" d="M' in page


def test_metric_math_is_drawn_and_written_out(house: House) -> None:
    stat = {"Metric": {"Namespace": "shop", "MetricName": "latency"}, "Period": 60, "Stat": "Average"}
    first = {"Id": "m", "MetricStat": stat, "ReturnData": False}
    house.alarm("m", Metrics=[first, {"Id": "e", "Expression": "m * 2"}], Threshold=1.0)
    house.minutes(1.0)
    assert "e = m * 2" in house.page("/alarms/m")


def test_a_composite_alarm_shows_what_moved_it(house: House) -> None:
    house.alarm("child/1")
    house.server.alarms.changes.put_composite_alarm(
        {"AlarmName": "both", "AlarmRule": 'ALARM("child/1")', "ActionsEnabled": True}
    )
    house.minutes(1.0, 300.0)
    page = house.page("/alarms/both")
    assert 'href="/alarms/child%2F1"' in page
    assert 'In ALARM while this is true: ALARM("child/1")' in page
    assert "describe-alarms --alarm-types CompositeAlarm --alarm-names both" in page
    assert 'href="/alarms/both"' in house.page("/alarms/child%2F1")


@pytest.mark.usefixtures("topic")
def test_who_was_told_is_on_the_page_and_secrets_are_not(house: House) -> None:
    house.alarm("slow")
    house.alarm("other", MetricName="m")
    topics, now = house.server.topics, house.clock.now()
    asked = topics.subscriptions.subscribe(TOPIC, "http", "http://user:secret@127.0.0.1:9/x", {}, "me")
    arn = topics.subscriptions.confirm(TOPIC, asked.token, None).arn
    data = {"attempt": 2, "answer": "200", "alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:slow"]}
    house.server.store.write(lambda tx: tx.record(Entry(now, "delivery", arn, "server", data)))
    page = house.page("/alarms/slow")
    assert re.search(r"delivered by http to .* at attempt 2", page)
    assert "secret" not in page
    assert "attempt 2" not in house.page("/alarms/other")


@pytest.fixture
def topic(house: House) -> str:
    return house.server.topics.catalogue.create("pager", {}, {}, "me")


def test_real_deliveries_name_their_alarm(house: House) -> None:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever)
    thread.start()
    try:
        topics = house.server.topics
        topics.catalogue.create("pager", {}, {}, "me")
        url = f"http://127.0.0.1:{receiver.server_address[1]}/"
        asked = topics.subscriptions.subscribe(TOPIC, "http", url, {}, "me")
        topics.subscriptions.confirm(TOPIC, asked.token, None)
        house.alarm("slow")
        house.minutes(1.0, 300.0)
        trade = Worker(house.server.store, house.clock, topics.performers(), "w", topics.repeatable(), {})
        trade.step(house.clock.now())
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()
    assert re.search(r"delivered by http to .*127.0.0.1", house.page("/alarms/slow"))


def test_a_muted_alarm_says_until_when(house: House) -> None:
    house.alarm("slow")
    rule = {"Schedule": {"Expression": "at(2026-07-01T12:00)", "Duration": "PT2H"}}
    house.server.alarms.mutes.put({"Name": "release", "Rule": rule, "MuteTargets": {"AlarmNames": ["slow"]}})
    page = house.page("/alarms/slow")
    assert "Nobody is told until" in page
    assert "2026-07-01 14:00:00 UTC" in page


def test_alarms_are_filtered_and_paged(house: House) -> None:
    for number in range(205):
        house.alarm(f"model-{number:03}", MetricName=f"m{number}")
    house.alarm("shop")
    house.minutes(300.0, metric="m204")
    page, seen = house.page("/alarms?prefix=model-"), []
    while True:
        seen += [unquote(link) for link in Tags(page).links if link.startswith("/alarms/")]
        following = re.search(r'href="([^"]+)" rel="next"', page)
        if following is None:
            break
        page = house.page(following[1])
    assert seen == [f"/alarms/model-{number:03}" for number in range(205)]
    assert [link for link in Tags(house.page("/alarms?state=ALARM")).links if link.startswith("/alarms/")] == [
        "/alarms/model-204"
    ]


def test_monitors_show_their_runs_violations_and_report(house: House) -> None:
    body = b"<!doctype html><title>r</title>the whole report"
    at = house.monitor(
        "hourly",
        "CompletedWithViolations",
        {"constraint_violations.json": VIOLATIONS, "report.html": body},
        "CompletedWithViolations: Job completed successfully with 1 violations.",
    )
    house.monitor("fine", "Completed", {})
    assert "1 with violations or failures" in house.page("/monitors")
    assert "1 monitor needs a look" in house.page("/")
    page = house.page("/monitors/hourly")
    assert "Distance 0.9 exceeds 0.1" in page
    path = f"/monitors/hourly/executions/{quote(f'{at:%Y-%m-%dT%H:%M:%SZ}', safe='')}/report"
    assert path in Tags(page).links
    response = house.ask(path, house.signed_in())
    assert (response.status, response.body) == (200, body)
    assert response.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")


def test_the_runs_of_a_monitor_are_paged_and_say_their_revisions(house: House) -> None:
    at = house.monitor("hourly", "Completed", {})
    house.monitor("other", "Completed", {})
    [run] = house.server.monitoring.executions.all("hourly")
    runs = [replace(run, scheduled=at - n * 60 * MINUTE, revision=1 + (n == 70)) for n in range(120)]
    waiting = [replace(run, scheduled=at + n * 60 * MINUTE, status="Pending", message="") for n in (1, 2)]
    house.server.store.write(lambda tx: [put_execution(tx, one) for one in (*runs, *waiting)])
    seen, address = list[str](), "/monitors/hourly"
    while address:
        page = house.page(address)
        assert "122 runs" in page
        assert ("revision 2" in page) == (len(seen) == 50)
        # What the last run found is told on every page; those that still wait are not among them.
        assert page.count(f"{at:%H:%M}") >= 1
        links = Tags(page).links
        listed = page[page.index('id="runs"') :]
        seen += re.findall(r'href="(/monitors/hourly/executions/[^"]*)"', listed) + ["waits"] * listed.count("waiting")
        address = next((link for link in links if link.startswith("/monitors/hourly?after=")), "")
    assert len(seen) == len({*seen}) + 1 == 122


def test_a_revision_that_failed_does_not_hide_what_stands(house: House) -> None:
    files = {"constraint_violations.json": VIOLATIONS, "report.html": b"the whole report"}
    house.monitor("hourly", "CompletedWithViolations", files, "CompletedWithViolations: found 1")
    [run] = house.server.monitoring.executions.all("hourly")
    stands = replace(run, failure="out of luck", latest=2)
    house.server.store.write(lambda tx: put_execution(tx, stands))
    page = house.page("/monitors/hourly")
    assert "Run again, it failed, and revision 1 stands: out of luck" in page
    assert "Distance 0.9 exceeds 0.1" in page
    assert "out of luck" not in page[page.index("<h1") : page.index("</h1>")]


def test_a_window_that_was_asked_for_has_an_address_of_its_own(house: House) -> None:
    at = house.monitor("hourly", "Completed", {"report.html": b"the whole report"})
    [run] = house.server.monitoring.executions.all("hourly")
    other = replace(run, asked=True, window=(at - 360 * MINUTE, at), job="another")
    house.server.store.write(lambda tx: put_execution(tx, other))
    links = [link for link in Tags(house.page("/monitors/hourly")).links if link.endswith("/report")]
    assert len(set(links)) == 2
    # Nobody knows the other's job any more: its page is not that of the schedule's own window.
    assert sorted(house.ask(link, house.signed_in()).status for link in set(links)) == [200, 404]


@pytest.mark.parametrize("after", ["x", "2026", "2026-07-01T12:00:00", "2026-07-01T12:00:00+00:00/x", "/", "9" * 30])
def test_a_place_that_is_none_is_the_first_page(house: House, after: str) -> None:
    house.monitor("hourly", "Completed", {})
    assert "1 run" in house.page(f"/monitors/hourly?after={quote(after, safe='')}")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"violations": [{"feature_name": 3}]}'])
def test_violations_that_cannot_be_read_are_told(house: House, body: bytes) -> None:
    house.monitor("hourly", "CompletedWithViolations", {"constraint_violations.json": body})
    assert "cannot be read" in house.page("/monitors/hourly")


def test_a_report_that_is_gone_is_told(house: House) -> None:
    at = house.monitor("hourly", "Completed", {})
    path = f"/monitors/hourly/executions/{at:%Y-%m-%dT%H:%M:%SZ}/report"
    assert house.ask(path, house.signed_in()).status == 404


def test_the_alarm_of_a_monitors_metric_leads_to_the_monitor(house: House) -> None:
    house.monitor("hourly", "CompletedWithViolations", {"constraint_violations.json": VIOLATIONS})
    house.alarm("drift", MetricName="feature_baseline_drift_age",
                Dimensions=[{"Name": "MonitoringSchedule", "Value": "hourly"}])  # fmt: skip
    page = house.page("/alarms/drift")
    assert 'href="/monitors/hourly"' in page
    assert "Distance 0.9 exceeds 0.1" in page


@pytest.mark.parametrize("path", ["/alarms/none", "/monitors/none", "/nothing", "/static/none"])
def test_what_is_not_there_is_a_404(house: House, path: str) -> None:
    assert house.ask(path, house.signed_in()).status == 404


ANY_NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
HOSTILE = st.sampled_from(
    ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "a/../b", "{{7*7}}", "&lt;", "\u202egnp", "a?b#c"]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ANY_NAME | HOSTILE, text=ANY_NAME | HOSTILE)
def test_no_name_or_text_becomes_markup_and_every_link_leads_to_its_alarm(house: House, name: str, text: str) -> None:
    house.alarm(name, AlarmDescription=text, MetricName="m")
    house.server.alarms.changes.set_state(name, "ALARM", text)
    cookies = house.signed_in()
    response = house.ask(alarm_path(name), cookies)
    assert response.status == 200
    for path in (alarm_path(name), "/", f"/alarms?prefix={quote(name)}"):
        found = Tags(house.ask(path, cookies).body.decode())
        assert not {"script", "img", "iframe", "object", "base"} & set(found.tags)
        assert not {each for each in found.attributes if each.startswith("on") or each == "style"}
        assert all(link.startswith(("/", "?", "data:,")) for link in found.links)
        assert alarm_path(name) in found.links or path == alarm_path(name)
    house.server.alarms.changes.delete([name])


@given(name=ANY_NAME | HOSTILE)
def test_the_link_in_a_letter_is_the_alarms_own_page(name: str) -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    stat = MetricStat(Metric.of("n", "m"), 60, "Sum")
    alarm = MetricAlarm(name, "arn:aws:cloudwatch:us-east-1:0:alarm:x", now, now, 1, "GreaterThanThreshold", stat,
                        threshold=1.0)  # fmt: skip
    letter = readable(alarm, Transition(now, initial_state(now), initial_state(now)), "http://w.example")
    link = letter.rpartition("Details: http://w.example")[2]
    assert link == alarm_path(name)
    assert alarm_page.parts(link) == {"name": name}


def test_of_ten_thousand_alarms_a_page_shows_some_and_counts_all(house: House) -> None:
    now, stat = house.clock.now(), MetricStat(Metric.of("n", "m"), 60, "Sum")

    def work(tx):
        for i in range(10_000):
            name = f"a{i:05}"
            arn = alarm_arn("us-east-1", "000000000000", name)
            tx.put(METRIC_ALARM, name, MetricAlarm(name, arn, now, now, 1, "GreaterThanThreshold", stat, threshold=1.0))
            tx.put(STATE, name, AlarmState(ALARM if i % 5000 == 0 else OK, "because", now, transitioned=now))

    house.server.store.write(work)
    cookies = house.signed_in()
    for path, shown in (("/", 2), ("/alarms", 100), ("/alarms?state=ALARM", 2), ("/alarms?prefix=a0999", 10)):
        page = house.ask(path, cookies).body.decode()
        assert len([link for link in Tags(page).links if link.startswith("/alarms/a")]) == shown
    assert "10,000 alarms" in page or "10 alarms" in page


def test_tellings_of_no_topic_are_none(house: House) -> None:
    assert tellings(house.server.store, (), "arn", house.clock.now(), 10) == ()
