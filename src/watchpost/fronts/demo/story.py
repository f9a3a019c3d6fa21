"""The whole loop, hour by hour: a model behind an endpoint, traffic that goes wrong, monitors, alarms, late labels."""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from watchpost.errors import AlreadyRunning, InputError
from watchpost.fronts.demo import fitting
from watchpost.fronts.demo.fitting import LABEL
from watchpost.fronts.demo.hours import HOUR, Hours
from watchpost.fronts.demo.inbox import Inbox, open_inbox
from watchpost.fronts.demo.monitors import ENDPOINT, MONITORS, PREDICTED, Watching
from watchpost.fronts.demo.narration import Found, Narrator
from watchpost.fronts.demo.resale import SEED, mishandle, resale_prices
from watchpost.fronts.demo.watched import OPENS, Watched
from watchpost.service.configuration import configured
from watchpost.service.home import Lock, address, prepared, running
from watchpost.service.log_output import log_into
from watchpost.service.monitoring.documents import MonitoringExecution
from watchpost.service.server import open_server

if TYPE_CHECKING:
    from rich.console import Console

_MARK = "made-by-watchpost-demo"
_MINUTE = timedelta(minutes=1)
_EARLY = 20  # one sale in so many is registered within its hour
_MARKET_TURNS = (
    "Unseen by anybody, the market turns: flats sell for a third more than when the model learnt, and a new kind of "
    "flat, 3Gen, comes up."
)
_UPSTREAM_BREAKS = (
    "Unseen by anybody, a change is deployed upstream: floor_area_sqm arrives in square feet, and of every hundred "
    "records eight have lost their remaining_lease."
)
_A_FLAT = "95,61,TAMPINES,4 ROOM,07 TO 09,Model A\n"
_QUALITY = next(watching for watching in MONITORS if watching.monitor == "ModelQuality")
_BIAS = next(watching for watching in MONITORS if watching.monitor == "ModelBias")


@dataclass(frozen=True, slots=True)
class Plot:
    """When things happen, as numbers of hours from the first. Labels come `delay` hours after the hour they are of."""

    hours: int
    sales: int

    @property
    def market_turns(self) -> int:
        """The first hour of real drift."""
        return self.hours * 3 // 8

    @property
    def upstream_breaks(self) -> int:
        """The first hour in which the source upstream describes flats wrongly."""
        return self.hours * 5 // 8

    @property
    def delay(self) -> int:
        """How late labels are: those of the first broken hour come at the very end."""
        return self.hours - 1 - self.upstream_breaks


@dataclass(frozen=True, slots=True)
class Told:
    """What happened: the executions by (schedule, hour) as they are at the end, names of alarms in ALARM, letters."""

    executions: Mapping[tuple[str, datetime], MonitoringExecution]
    alarms: tuple[str, ...]
    letters: tuple[str, ...]
    home: Path


def run_loop(out: Path, console: "Console", now: datetime, plot: Plot) -> Told:
    """Live through the hours of the plot, which end about `now`, and say what happens.

    Args: out: folder for the server's home (`home/`), the model (`model/`) and the letters (`inbox/`); those of an
    earlier demo are replaced. console: where the story goes.
    Raises: InputError: `out/home` is not a demo's; AlreadyRunning: a server runs in it; ServerError.
    """
    out = out.resolve()
    home = _fresh_home(out)
    hours = Hours(now, plot.hours)
    rng = np.random.default_rng(SEED)
    with Lock(home), open_inbox(out / "inbox") as inbox:
        model = out / "model"
        (home / "runners.toml").write_text(f"[python]\nfolders = [{_quoted(model)}]\n", encoding="utf-8")
        log_into(home / "logs", "info", io.StringIO())
        configuration = configured(
            home=home,
            host="127.0.0.1",
            port=8790,
            database=None,
            region="us-east-1",
            account="000000000000",
            base_url=None,
        )
        with open_server(configuration, hours.clock) as server:
            server.start()
            story = _Story(Watched(server, hours), Narrator(console), plot, inbox, rng)
            story.prepare(model)
            for number in range(plot.hours):
                story.live(number)
            return story.end(home)


class _Story:
    """The acts of the loop, in order: `prepare`, `live` for each hour, `end`."""

    def __init__(
        self, watched: Watched, narrator: Narrator, plot: Plot, inbox: Inbox, rng: np.random.Generator
    ) -> None:
        self._watched, self._say, self._plot, self._inbox, self._rng = watched, narrator, plot, inbox, rng
        self._hours = watched.hours
        self._executions: dict[tuple[str, datetime], MonitoringExecution] = {}
        self._alarms: tuple[str, ...] = ()
        self._shown = 0
        usual, later = resale_prices(rng, 24, plot.sales), resale_prices(rng, 48, plot.sales)
        self._usual, self._later = usual, later.tail(later.height // 4)

    def prepare(self, folder: Path) -> None:
        """A model, an endpoint, baselines, schedules, alarms."""
        hours, say, plot = self._hours, self._say, self._plot
        say.title(
            f"A model that values flats goes into service, and Watchpost watches it for {plot.hours} hours.",
            "The sales are made up and the hours are simulated: they pass in a minute or two, and end about now (UTC). "
            "The server, its processes, messages and files are real.",
        )
        training, held_out = resale_prices(self._rng, 24), resale_prices(self._rng, 24, 100)
        fitted = fitting.fit(training)
        held_out = held_out.with_columns(fitting.predicted(held_out, fitted))
        error = float(np.abs((held_out[PREDICTED] - held_out[LABEL]).to_numpy()).mean())
        fitting.write_model(folder, fitted)
        start = hours.start - 30 * _MINUTE
        hours.go_to(start)
        say(
            start,
            f"The model is fitted to {training.height:,} sales of two years. On {held_out.height:,} others it misses "
            f"the price by {error:,.0f} dollars on average.",
        )
        self._watched.deploy(folder)
        say(start, f"Endpoint {ENDPOINT} serves it; every request and every answer is captured.")
        self._watched.learn(held_out)
        titles = ", ".join(watching.title for watching in MONITORS)
        say(start, f"Four monitors have learnt a baseline from those others, each by a job of its own: {titles}.")
        hours.go_to(hours.start + _MINUTE)
        self._watched.schedule()
        self._alarms = self._watched.raise_alarms(self._inbox.address, error)
        say(
            hours.start,
            f"From now on they look at every hour. {len(self._alarms)} alarms watch what they measure, and tell an "
            "inbox on this machine.",
        )

    def live(self, number: int) -> None:
        """One hour: traffic, executions, alarms, labels."""
        hour = self._hours.start + number * HOUR
        end = hour + HOUR
        sales, asked = self._sold(number)
        if number == self._plot.market_turns:
            self._say.aside(hour + OPENS, _MARKET_TURNS)
        if number == self._plot.upstream_breaks:
            self._say.aside(hour + OPENS, _UPSTREAM_BREAKS)
        mean = self._watched.traffic(hour, sales, asked, _EARLY)
        # Alarms that lag behind the quick clock would see what is measured now as of an earlier minute.
        self._watched.evaluate(end + _MINUTE)
        self._hours.go_to(end + 2 * _MINUTE + timedelta(seconds=5))
        found = self._watched.settle(end)
        self._say(
            end + 2 * _MINUTE, f"{sales.height} flats were valued in the hour, at {mean:,.0f} dollars on average."
        )
        self._keep(end, found)
        for watching in MONITORS:
            self._say.verdict(watching.title, self._found(watching.schedule, end))
        self._letters_come(end + 4 * _MINUTE)
        if number >= self._plot.delay:
            self._labels_come(number - self._plot.delay, end + 10 * _MINUTE)

    def end(self, home: Path) -> Told:
        """The table of executions, and how to look further; schedules are stopped, for traffic has ended too."""
        ask = self._watched.ask
        for watching in MONITORS:
            ask("sagemaker", "StopMonitoringSchedule", MonitoringScheduleName=watching.schedule)
        self._watched.farewell()
        alarms = tuple(self._watched.in_alarm(self._alarms))
        pages = {watching.title: self._page(watching) for watching in MONITORS}
        request = home.parent / "request.csv"
        request.write_text(_A_FLAT, encoding="utf-8")
        found = {key: self._found(*key) for key in self._executions}
        self._say.table(found, self._hours, alarms)
        self._say.ending(home, request, pages, [letter.path for letter in self._inbox.letters])
        return Told(self._executions, alarms, tuple(letter.text for letter in self._inbox.letters), home)

    def _sold(self, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The sales of an hour, and the same as the source upstream describes them."""
        seed = int(self._rng.integers(2**32))
        turned = number >= self._plot.market_turns
        sales = (self._later if turned else self._usual).sample(self._plot.sales, seed=seed)
        if number < self._plot.upstream_breaks:
            return sales, sales
        return sales, mishandle(sales, self._rng).rename({"storey": "storey_range"})

    def _labels_come(self, number: int, at: datetime) -> None:
        hour = self._hours.start + number * HOUR
        scheduled = hour + HOUR
        self._hours.go_to(at)
        count = self._watched.label(hour)
        self._keep(scheduled, self._watched.restated(hour))
        self._say(
            at,
            f"The registry reports what the other {count} flats valued from {hour:%H:%M} to {scheduled:%H:%M} were "
            "sold for. The server finds the labels and looks at that hour again.",
        )
        self._say.quality(self._found(_QUALITY.schedule, scheduled))
        self._say.restated_bias(self._found(_BIAS.schedule, scheduled))
        self._letters_come(at + 4 * _MINUTE)

    def _letters_come(self, at: datetime) -> None:
        self._watched.deliver(at)
        for letter in self._inbox.letters[self._shown :]:
            self._say.letter(at, letter)
        self._shown = len(self._inbox.letters)

    def _found(self, schedule: str, scheduled: datetime) -> Found:
        """How an execution stands now."""
        watching = next(watching for watching in MONITORS if watching.schedule == schedule)
        return Found.of(self._executions[schedule, scheduled].status, self._watched.report(watching, scheduled))

    def _keep(self, scheduled: datetime, found: Mapping[str, MonitoringExecution]) -> None:
        for name, execution in found.items():
            self._executions[name, scheduled] = execution

    def _page(self, watching: Watching) -> str:
        """The page of the last execution that found something, else of the last."""
        times = sorted(at for name, at in self._executions if name == watching.schedule)
        bad = [at for at in times if self._executions[watching.schedule, at].status == "CompletedWithViolations"]
        return self._watched.page(watching, (bad or times)[-1])


def _fresh_home(out: Path) -> Path:
    """An empty home folder, in place of an earlier demo's."""
    home = out / "home"
    if home.exists():
        if not (home / _MARK).exists():
            raise InputError(f"{str(home)!r} is there already and no demo made it. Give another folder with -o.")
        if running(home):
            raise AlreadyRunning(str(home), address(home))
        shutil.rmtree(home)
    for name in ("inbox", "model"):
        if (out / name).exists():
            shutil.rmtree(out / name)
    prepared(home)
    (home / _MARK).write_text("The next `watchpost demo` with this folder replaces it.\n", encoding="utf-8")
    return home


def _quoted(path: Path) -> str:
    """A path as a string of TOML, whose basic strings are JSON's."""
    return json.dumps(str(path))
