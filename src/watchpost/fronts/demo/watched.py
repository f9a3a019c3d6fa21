"""The endpoint of the demo and all that watches it, as an API client makes and uses them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from watchpost.errors import ServerError
from watchpost.fronts.demo import fitting, monitors
from watchpost.fronts.demo.client import Client
from watchpost.fronts.demo.fitting import CATEGORIES, FEATURES, LABEL, NUMBERS
from watchpost.fronts.demo.hours import HOUR, Hours
from watchpost.fronts.demo.monitors import BUCKET, ENDPOINT, MODEL, MONITORS, PREDICTED, ROLE, Watching
from watchpost.service.alarms.documents import EVALUATOR, THE_EVALUATOR
from watchpost.service.labels.late_labels import WATCH
from watchpost.service.monitoring.documents import UNSETTLED, MonitoringExecution
from watchpost.service.monitoring.runs_listed import executions_listed
from watchpost.stores.sql.monitoring_runs import RunFilter

if TYPE_CHECKING:
    from watchpost.service.server import Server

TOPIC = "resale-price-alarms"
OPENS = timedelta(minutes=15)
"""How long after an hour began its requests come: labels of earlier hours are dealt with before."""

_CLOSES = timedelta(minutes=57)
_EXPLAINED_ROWS = 500
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sale:
    """A flat of which the endpoint was asked: under which id, and what it was sold for in the end."""

    inference_id: str
    price: float


@dataclass(frozen=True, slots=True)
class _Alarm:
    """An alarm to raise. metric: schedule, kind of metrics, name. breaching: comparison and threshold."""

    name: str
    told: str
    metric: tuple[str, str, str]
    breaching: tuple[str, float]
    periods: int = 1


class Watched:
    """A server with the endpoint, its monitors and alarms; `hours` is its clock."""

    def __init__(self, server: "Server", hours: Hours) -> None:
        self.server, self.hours, self.ask = server, hours, Client(server)
        self.sales: dict[datetime, list[Sale]] = {}

    # --- making -------------------------------------------------------------------------------------------------------

    def deploy(self, folder: Path) -> None:
        """Put the model of a folder behind the endpoint, every request and answer captured; wait until it serves."""
        named = {"WATCHPOST_CALLABLE": f"{fitting.MODULE}:predict", "WATCHPOST_FOLDER": str(folder)}
        container = {"Image": "resale-price", "Environment": named}
        self.ask("sagemaker", "CreateModel", ModelName=MODEL, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": MODEL,
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1,
        }
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": monitors.CAPTURE,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        }
        self.ask(
            "sagemaker",
            "CreateEndpointConfig",
            EndpointConfigName=ENDPOINT,
            ProductionVariants=[variant | {"InstanceType": "ml.m5.large"}],
            DataCaptureConfig=capture,
        )
        self.ask("sagemaker", "CreateEndpoint", EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        endpoints = self.server.endpoints
        self.hours.until("the endpoint", lambda: endpoints.describe(ENDPOINT).status != "Creating", step=0.05)
        found = endpoints.describe(ENDPOINT)
        if found.status != "InService":
            raise ServerError(f"The endpoint does not serve: {found.failure}")

    def learn(self, validation: pl.DataFrame) -> None:
        """Let each monitor's own baseline job learn from sales with the model's answers; wait for all of them."""
        typical = [float(str(validation[name].median())) for name in NUMBERS]
        words = [str(validation[name].mode().sort().item(0)) for name in CATEGORIES]
        tables = {
            "answers": validation.select(PREDICTED, *FEATURES),
            "validation": validation.select(PREDICTED, LABEL),
            "groups": validation.select(LABEL, *FEATURES, PREDICTED),
            "features": validation.select(FEATURES).head(_EXPLAINED_ROWS),
        }
        for name, table in tables.items():
            # Configurations of Clarify's that bring headers mean files without.
            named = name in {"answers", "validation"}
            self.put(f"training/{name}.csv", table.write_csv(include_header=named))
        for watching in MONITORS:
            for baseline in (True, False) if watching.clarifies else ():
                config = monitors.analysis_config(watching, [*typical, *words], baseline=baseline)
                self.put(monitors.config_uri(watching, baseline=baseline).removeprefix(f"s3://{BUCKET}/"), config)
            self.ask("sagemaker", "CreateProcessingJob", **monitors.baseline_job(watching))
        jobs, names = self.server.monitoring.processing, [f"{watching.schedule}-baseline" for watching in MONITORS]
        self.hours.until("baselines", lambda: all(jobs.describe(name).status != "InProgress" for name in names))
        for job in map(jobs.describe, names):
            if job.status != "Completed":
                raise ServerError(f"The job {job.name} did not complete: {job.message}")

    def schedule(self) -> None:
        """Let every monitor look at each hour from now on."""
        for watching in MONITORS:
            self.ask("sagemaker", f"Create{watching.monitor}JobDefinition", **monitors.job_definition(watching))
            self.ask("sagemaker", "CreateMonitoringSchedule", **monitors.schedule(watching))

    def raise_alarms(self, inbox: str, error: float) -> tuple[str, ...]:
        """Alarms for every feature's drift and completeness and for the model's error; their names.

        inbox: who is told. error: how far the model usually is off, in dollars; half as much again is too far.
        """
        topic = str(self.ask("sns", "CreateTopic", Name=TOPIC)["TopicArn"])
        self.ask("sns", "Subscribe", TopicArn=topic, Protocol="apprise", Endpoint=inbox)
        data, quality = (
            next(watching for watching in MONITORS if watching.monitor == monitor)
            for monitor in ("DataQuality", "ModelQuality")
        )
        wanted = [
            _Alarm(
                "valuation error",
                "Known sale prices confirm it: the model's valuations are worse than they were in training.",
                (quality.schedule, "model-metrics", "mae"),
                ("GreaterThan", round(1.5 * error)),
                # Hours are judged once their labels are there, up to three hours later.
                periods=3,
            )
        ]
        for feature in FEATURES:
            drift, gaps = f"feature_baseline_drift_{feature}", f"feature_non_null_{feature}"
            told = f"{feature} no longer looks as it did in training."
            found = (data.schedule, "data-metrics")
            wanted.append(_Alarm(f"{feature} drift", told, (*found, drift), ("GreaterThan", 0.1)))
            told = f"Values of {feature} are missing."
            wanted.append(_Alarm(f"{feature} gaps", told, (*found, gaps), ("LessThan", 1.0)))
        for alarm in wanted:
            self._put_alarm(alarm, topic)
        return tuple(f"{ENDPOINT} {alarm.name}" for alarm in wanted)

    def _put_alarm(self, alarm: _Alarm, topic: str) -> None:
        schedule, kind, metric = alarm.metric
        comparison, threshold = alarm.breaching
        any_of_them = {"DatapointsToAlarm": 1} if alarm.periods > 1 else {}
        self.ask(
            "cloudwatch",
            "PutMetricAlarm",
            AlarmName=f"{ENDPOINT} {alarm.name}",
            AlarmDescription=alarm.told,
            Namespace=f"aws/sagemaker/Endpoints/{kind}",
            MetricName=metric,
            Dimensions=[{"Name": "Endpoint", "Value": ENDPOINT}, {"Name": "MonitoringSchedule", "Value": schedule}],
            Statistic="Average",
            Period=3600,
            EvaluationPeriods=alarm.periods,
            Threshold=threshold,
            ComparisonOperator=f"{comparison}Threshold",
            # A monitor speaks once an hour: silence says nothing.
            TreatMissingData="ignore",
            AlarmActions=[topic],
            **any_of_them,
        )

    # --- living through an hour ---------------------------------------------------------------------------------------

    def traffic(self, hour: datetime, sales: pl.DataFrame, asked: pl.DataFrame, early: int) -> float:
        """Ask the endpoint about every flat, from `OPENS` on; the mean answer.

        sales: what the flats are sold for. asked: the same flats as the source upstream describes them. early: of how
        many sales one becomes known before the hour ends, so that its label is uploaded then.
        """
        answers = list[float]()
        rows = asked.select(pl.col(*FEATURES).cast(pl.String).fill_null("")).rows()
        prices = sales[LABEL].to_list()
        told = self.sales.setdefault(hour, [])
        for number, (row, price) in enumerate(zip(rows, prices, strict=True)):
            self.hours.go_to(hour + OPENS + (_CLOSES - OPENS) * number / len(rows))
            sale = Sale(f"{hour:%Y%m%d%H}-{number:04}", float(price))
            answer = self.ask(
                "sagemaker-runtime",
                "InvokeEndpoint",
                EndpointName=ENDPOINT,
                ContentType="text/csv",
                Body=",".join(row).encode(),
                InferenceId=sale.inference_id,
            )
            body = answer["Body"]
            assert isinstance(body, bytes)
            answers.append(float(body))
            told.append(sale)
        # A record's hour is that in which it is written down, which happens beside the requests.
        self.server.endpoints.flush_capture(ENDPOINT)
        self._upload(hour, told[::early])
        del told[::early]
        # Or else they would seem to have come after the hour was looked at.
        self.hours.until("labels to be found", self._looked(), step=5.0)
        return float(np.mean(answers))

    def settle(self, scheduled: datetime) -> dict[str, MonitoringExecution]:
        """Wait for all executions of a scheduled time; them by schedule."""
        found = dict[str, MonitoringExecution]()
        only = (scheduled - _MOMENT, scheduled + _MOMENT)

        def ended() -> bool:
            for watching in MONITORS:
                wanted = RunFilter(schedule=watching.schedule, scheduled=only)
                for _, execution in executions_listed(self.server.store, wanted, 1, "scheduled", None, descending=True):
                    found[watching.schedule] = execution
            return len(found) == len(MONITORS) and not {e.status for e in found.values()} & UNSETTLED

        self.hours.until(f"the executions of {scheduled:%H:%M}", ended)
        return found

    def deliver(self, until: datetime) -> None:
        """Wait until alarms have been evaluated up to an instant, and what they say has been delivered."""
        self.evaluate(until)
        store = self.server.store
        self.hours.until("deliveries", lambda: not any(store.read(lambda tx: tx.waiting()).values()), step=0.5)

    def evaluate(self, until: datetime) -> None:
        """Wait until alarms have been evaluated up to an instant."""
        self.hours.go_to(until + timedelta(seconds=5))
        store = self.server.store

        def evaluated() -> bool:
            known = store.read(lambda tx: tx.get(EVALUATOR, THE_EVALUATOR))
            return known is not None and known.ticked >= until

        # Whoever reckoned how long to wait just before the clock jumped sleeps past the jump, by no more than its beat.
        self.hours.until("the alarms", evaluated, step=0.1)

    def label(self, hour: datetime) -> int:
        """Upload what the other flats of an hour were sold for, which has become known now; how many."""
        told = self.sales.pop(hour)
        self._upload(hour, told)
        return len(told)

    def restated(self, hour: datetime) -> dict[str, MonitoringExecution]:
        """Wait until the server has found the labels of an hour and looked at it again; its executions by schedule."""
        self.hours.until("labels to be found", self._looked(), step=5.0)
        self.hours.until(
            "late labels to be gathered", lambda: not self.server.monitoring.late_labels.waiting(), step=5.0
        )
        return self.settle(hour + HOUR)

    def farewell(self) -> None:
        """Cancel the inbox's subscription: it closes with the demo."""
        listed = self.ask("sns", "ListSubscriptions")["Subscriptions"]
        assert isinstance(listed, list)
        for subscription in listed:
            self.ask("sns", "Unsubscribe", SubscriptionArn=subscription["SubscriptionArn"])

    def _looked(self) -> Callable[[], bool]:
        """Tells whether the server has looked for labels since now."""
        since, store = self.hours.clock.now(), self.server.store

        def looked() -> bool:
            watch = store.read(lambda tx: tx.get(WATCH, monitors.LABELS))
            return watch is not None and watch.looked is not None and watch.looked > since

        return looked

    def _upload(self, hour: datetime, sales: Sequence[Sale]) -> None:
        """Put labels as ground truth that was collected now, in the file layout of the service."""
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": f"{sale.price:.0f}", "encoding": "CSV"},
                    "eventMetadata": {"eventId": sale.inference_id},
                    "eventVersion": "0",
                }
            )
            for sale in sales
        ]
        now = self.hours.clock.now()
        self.put(f"ground-truth/{now:%Y/%m/%d/%H}/{hour:%Y%m%d%H}-{now:%M%S}.jsonl", "\n".join(lines) + "\n")

    # --- looking ------------------------------------------------------------------------------------------------------

    def put(self, key: str, text: str) -> None:
        """Put an object into the bucket."""
        self.server.objects.create_bucket(BUCKET)
        self.server.objects.put(BUCKET, key, text.encode())

    def report(self, watching: Watching, scheduled: datetime) -> Mapping[str, object]:
        """The report of an execution (`report.json`)."""
        key = f"reports/{ENDPOINT}/{watching.schedule}/{scheduled:%Y/%m/%d/%H}/report.json"
        found: Mapping[str, object] = json.loads(self.server.objects.get(BUCKET, key))
        return found

    def page(self, watching: Watching, scheduled: datetime) -> str:
        """Where the report's page lies: a path of this machine."""
        uri = f"s3://{BUCKET}/reports/{ENDPOINT}/{watching.schedule}/{scheduled:%Y/%m/%d/%H}/report.html"
        return str(self.server.objects.local_path(uri))

    def in_alarm(self, names: Sequence[str]) -> list[str]:
        """Which of these alarms are in ALARM."""
        return [name for name in names if self.server.alarms.reading.one(name).state.value == "ALARM"]
