"""A real MLflow model in a runner's process, asked as MLflow's own scoring server is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from watchpost.runners import Container, Job, Reply, plan, read_toml
from watchpost.service.endpoints.runner_processes import ProcessFleet, Spawn

MAKE = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc

class Double(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["a"] * 2).tolist()

mlflow.pyfunc.save_model(sys.argv[1], python_model=Double())
"""
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("mlflow", "pandas")), reason="MLflow is not installed"
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessFleet]:
    folder = tmp_path_factory.mktemp("mlflow")
    subprocess.run([sys.executable, "-c", MAKE, str(folder / "model")], check=True, capture_output=True, cwd=folder)
    settings = read_toml(f'[mlflow]\nuris = ["{folder}"]\n')
    job = plan(Container(environment=(("WATCHPOST_MLFLOW_URI", str(folder / "model")),)), settings)
    assert isinstance(job, Job)
    fleet = ProcessFleet(Spawn(job, settings.limits, folder, Path, lambda _instance, _lines: None), "e-v", 1, 60)
    yield fleet
    fleet.stop()


def ask(fleet: ProcessFleet, body: bytes, content_type: str) -> Reply:
    with fleet.server(60) as server:
        assert server is not None, fleet.failure
        return server[1].post(fleet.path, body, {"Content-Type": content_type}, 30)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"a,b\n1,0\n2,1\n", "text/csv"),
        (b'{"dataframe_split":{"columns":["a"],"data":[[1],[2]]}}', "application/json"),
        (b'{"dataframe_records":[{"a":1},{"a":2}]}', "application/json"),
        (b'{"instances":[{"a":1},{"a":2}]}', "application/json; charset=utf-8"),
    ],
)
def test_an_mlflow_model_answers_in_mlflows_words(fleet: ProcessFleet, body: bytes, kind: str) -> None:
    reply = ask(fleet, body, kind)
    assert (reply.status, json.loads(reply.body)) == (200, {"predictions": [2, 4]})


@pytest.mark.parametrize(("body", "kind", "status"), [(b"{}", "application/json", 400), (b"x", "image/png", 415)])
def test_what_mlflow_cannot_read_is_the_callers_fault(fleet: ProcessFleet, body: bytes, kind: str, status: int) -> None:
    reply = ask(fleet, body, kind)
    assert reply.status == status
