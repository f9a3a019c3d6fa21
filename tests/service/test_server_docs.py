"""docs/server.md says what the server has: every setting, every figure, every file of the home folder."""

import re
from pathlib import Path

import pytest
from click import Option
from prometheus_client.parser import text_string_to_metric_families

from watchpost.fronts.serve import serve
from watchpost.service.clock import ManualClock
from watchpost.service.configuration import Configuration
from watchpost.service.server import open_server

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "server.md").read_text("utf-8")
SETTINGS = [parameter for parameter in serve.params if isinstance(parameter, Option)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.opts[0])
def test_every_setting_is_told_with_its_variable_and_default(setting: Option) -> None:
    default = f"`{setting.default}`" if isinstance(setting.default, str | int) else "[^|]*"
    assert re.search(rf"^\| `{setting.opts[0]}` \| `{setting.envvar}` \| {default} \|", TEXT, re.MULTILINE)


def test_every_figure_is_told_and_no_other(tmp_path: Path, clock: ManualClock) -> None:
    with open_server(Configuration(tmp_path / "home"), clock) as server:
        families = list(text_string_to_metric_families(server.self_metrics.exposition().decode()))
    there = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    told = set(re.findall(r"^\| `(watchpost_\w+)` \|", TEXT, re.MULTILINE))
    assert told == {name for name in there if not name.endswith("_created")}


def test_every_file_the_server_makes_in_its_home_is_told(tmp_path: Path, clock: ManualClock) -> None:
    with open_server(Configuration(tmp_path / "home"), clock) as server:
        server.start()
        made = {path.name.removeprefix("watchpost.db") for path in (tmp_path / "home").iterdir()}
    assert {name for name in made if name and f"`{name}" not in TEXT} == set()
