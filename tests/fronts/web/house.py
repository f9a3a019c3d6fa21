"""A server with pages, a clock that is moved by hand, and a browser made of nothing but headers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from watchpost.fronts.aws.wire import Request, Response
from watchpost.fronts.web.site import Site
from watchpost.metrics.identity import Datum, Metric
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.monitoring.documents import (
    SCHEDULE,
    ExecutionStatus,
    MonitoringExecution,
    MonitoringSchedule,
    ProcessingJob,
)
from watchpost.service.monitoring.runs_listed import put_execution, put_job
from watchpost.service.server import open_server
from watchpost.service.sign_in import new_link

HOST = "127.0.0.1:8790"
MINUTE = timedelta(minutes=1)
TOPIC = "arn:aws:sns:us-east-1:000000000000:pager"


class House:
    """The server and what tests do with it."""

    def __init__(
        self, home: Path, clock: ManualClock, base_url: str = f"http://{HOST}", database: str | None = "sqlite://"
    ) -> None:
        self.home, self.clock = home, clock
        self.configuration = Configuration(home, base_url=base_url, database=database)
        self.server = open_server(self.configuration, clock)
        self.site = Site(self.server)

    def close(self) -> None:
        self.server.close()

    # --- a browser --------------------------------------------------------------------------------------------------

    def link(self) -> str:
        return new_link(self.configuration.base_url, self.home, self.clock.now())

    def ask(self, url: str, cookies: Mapping[str, str] | None = None, method: str = "GET", **headers: str) -> Response:
        parts = urlsplit(url)
        told = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if cookies:
            told["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self.site.respond(Request(method, parts.path, parts.query, told, b""), "192.0.2.7")

    def signed_in(self) -> dict[str, str]:
        """The cookies of a browser that used a link."""
        return cookies_set(self.ask(self.link()))

    def page(self, url: str) -> str:
        """What a signed-in browser sees: the page's text, without its entities."""
        response = self.ask(url, self.signed_in())
        assert response.status == 200, (response.status, response.body)
        return unescape(response.body.decode())

    # --- what it watches --------------------------------------------------------------------------------------------

    def alarm(self, name: str, **given: object) -> None:
        members: dict[str, object] = {
            "AlarmName": name,
            "Namespace": "shop",
            "MetricName": "latency",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 200.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [TOPIC],
            **given,
        }
        if "Metrics" in given:
            unwanted = {"Namespace", "MetricName", "Statistic", "Period", "Threshold"} - given.keys()
            members = {name: value for name, value in members.items() if name not in unwanted}
        self.server.alarms.changes.put_metric_alarm(members)

    def past(self, *values: float, metric: str = "latency") -> None:
        """A datapoint for each of the minutes before now."""
        end = self.clock.now().timestamp()
        at = [end - 60 * (len(values) - i) for i in range(len(values))]
        told = [Datum(Metric.of("shop", metric), t, (v,), (1.0,)) for t, v in zip(at, values, strict=True)]
        self.server.metrics.put(told)

    def minutes(self, *values: float | None, metric: str = "latency", **dimensions: str) -> None:
        """A datapoint for each of the minutes that pass (None: no data), the alarms looking after each."""
        for value in values:
            if value is not None:
                datum = Datum(Metric.of("shop", metric, dimensions), self.clock.now().timestamp(), (value,), (1.0,))
                self.server.metrics.put([datum])
            self.server.alarms.tick(self.clock.advance(60))

    def monitor(
        self, name: str, status: ExecutionStatus, files: Mapping[str, bytes], message: str = "", unjudged: bool = False
    ) -> datetime:
        """A monitoring schedule with one execution an hour ago, and what it left; its scheduled time."""
        now = self.clock.now()
        scheduled = now.replace(minute=0, second=0, microsecond=0)
        own = f"arn:aws:sagemaker:us-east-1:000000000000:monitoring-schedule/{name}"
        config: dict[str, object] = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}}
        schedule = MonitoringSchedule(name, own, "Scheduled", now, now, now, config, "DataQuality", "job", "homes")
        output = {"S3Output": {"S3Uri": f"s3://lake/reports/{name}"}}
        members: dict[str, object] = {"ProcessingOutputConfig": {"Outputs": [output]}}
        job = ProcessingJob(f"job-{name}", f"arn:{name}", "Completed", now, now, members)
        start = scheduled - timedelta(hours=1)
        execution = MonitoringExecution(
            name,
            scheduled,
            status,
            now,
            now,
            "DataQuality",
            job.name,
            start,
            scheduled,
            "homes",
            message=message,
            unjudged=unjudged,
        )
        self.server.objects.create_bucket("lake")
        for file, body in files.items():
            self.server.objects.put("lake", f"reports/{name}/{file}", body)

        def work(tx):
            tx.put(SCHEDULE, name, schedule)
            put_job(tx, job)
            put_execution(tx, execution)

        self.server.store.write(work)
        return scheduled


def cookies_set(response: Response) -> dict[str, str]:
    """What an answer set, as the browser sends it back."""
    name, _, value = response.headers.get("set-cookie", "").partition(";")[0].partition("=")
    return {name: value} if name else {}
