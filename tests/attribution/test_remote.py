"""Models behind an endpoint: what is sent, what is understood of the answer, and a real one over HTTP."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.attribution.endpoint import http_send
from watchpost.attribution.errors import ModelFault, ModelUnreachable
from watchpost.attribution.explainers import EXPLAINERS, Task
from watchpost.attribution.model import on_matrix
from watchpost.attribution.remote import Wire, parse_scores, remote_model, write_rows

ROWS = pl.DataFrame({"area": [93.0, None], "town": ["Bishan, N", "Yishun"], "floor": [3, 12]})


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (Wire(), '93.0,"Bishan, N",3\n,Yishun,12\n'),
        (Wire(header=True), 'area,town,floor\n93.0,"Bishan, N",3\n,Yishun,12\n'),
        (Wire("application/jsonlines"), '{"features":[93.0,"Bishan, N",3]}\n{"features":[null,"Yishun",12]}\n'),
        (Wire("application/json"), '{"instances":[[93.0,"Bishan, N",3],[null,"Yishun",12]]}'),
        (
            Wire(
                "application/json", content_template='{"dataframe_records":$records}', record_template="$features_kvp"
            ),
            '{"dataframe_records":['
            '{"area":93.0,"town":"Bishan, N","floor":3},{"area":null,"town":"Yishun","floor":12}]}',
        ),
    ],
)
def test_rows_are_written_as_the_model_wants_them(wire, body):
    assert write_rows(ROWS, wire).decode() == body


@pytest.mark.parametrize(
    ("answer", "score", "expected"),
    [
        ("0.25\n0.75\n", None, [[0.25], [0.75]]),
        ("0.25,0.75\n1,0\n", None, [[0.25, 0.75], [1, 0]]),
        ("yes,0.25\nno,0.75\n", 1, [[0.25], [0.75]]),
        ('{"predictions":[0.25,0.75]}', None, [[0.25], [0.75]]),
        ('{"predictions":[[0.25,0.75],[1,0]]}', None, [[0.25, 0.75], [1, 0]]),
        (
            '{"predictions":[{"score":0.25,"predicted_label":0},{"score":1,"predicted_label":1}]}',
            "score",
            [[0.25], [1]],
        ),
        ('{"score":{"yes":0.25}}\n{"score":{"yes":0.75}}\n', "score.yes", [[0.25], [0.75]]),
        ("[0.25, 0.75]", None, [[0.25], [0.75]]),
    ],
)
def test_scores_are_found_in_every_form_of_answer(answer, score, expected):
    assert parse_scores(answer.encode(), 2, score).tolist() == expected


@pytest.mark.parametrize(
    ("answer", "score", "said"),
    [
        ("0.25\n", None, "2 rows were sent, but 1 came back"),
        ("yes\nno\n", None, 'found \\["yes"\\]'),
        ("0.25,1\n0.75\n", None, "different numbers"),
        ('{"predictions":[{"p":1},{"p":2}]}', "score", "at 'score'"),
        ('{"a":1}\n{"a"', None, "line 2 is no JSON"),
        ("yes,0.25\nno,0.75\n", 7, "at 7"),
        ("", None, "0 came back"),
    ],
)
def test_an_answer_without_scores_says_what_it_found(answer, score, said):
    with pytest.raises(ModelFault, match=said):
        parse_scores(answer.encode(), 2, score)


def test_all_rows_may_be_answered_on_one_line_as_sagemakers_xgboost_does():
    assert parse_scores(b"0.1,0.2,0.7", 3).tolist() == [[0.1], [0.2], [0.7]]
    assert parse_scores(b"0.1,0.2,0.7", 1).tolist() == [[0.1, 0.2, 0.7]]


@given(answer=st.binary(max_size=60), rows=st.integers(1, 3))
def test_any_answer_is_scores_or_a_fault(answer, rows):
    try:
        assert parse_scores(answer, rows).shape[0] == rows
    except ModelFault as fault:
        assert str(fault)  # noqa: PT017  either outcome is right


def test_a_remote_model_is_explained_like_the_function_behind_it():
    def serve(body, content_type):
        assert content_type == "text/csv"
        x = np.loadtxt(body.decode().splitlines(), delimiter=",", ndmin=2)
        return "\n".join(map(str, (x[:, 0] * x[:, 1] + x[:, 2]).tolist())).encode()

    rows = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, -1.0], "c": [0.5, 0.5]})
    near, far = (
        EXPLAINERS.load("kernel_shap").explain(
            Task(model, rows, rows.head(1) * 0, max_batch_rows=3), np.random.default_rng(0)
        )
        for model in (on_matrix(lambda x: x[:, 0] * x[:, 1] + x[:, 2]), remote_model(serve))
    )
    np.testing.assert_allclose(near.values, far.values, atol=1e-12)


class Invocations(BaseHTTPRequestHandler):
    """Adds up each row, in MLflow's form; refuses a body that is no JSON with its kind of error."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = 200, {}
        if self.headers["Content-Type"] == "application/json" and self.headers["Authorization"] == "Bearer x":
            answer = {"predictions": [sum(row) for row in json.loads(body)["instances"]]}
        else:
            status, answer = 400, {"error_code": "BAD_REQUEST", "message": "no such content"}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with HTTPServer(("127.0.0.1", 0), Invocations) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/invocations"
        server.shutdown()
        thread.join()


def test_a_model_is_asked_over_http(url):
    model = remote_model(http_send(url, headers={"Authorization": "Bearer x"}), Wire("application/json"))
    assert model(pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})).tolist() == [[4.0], [6.0]]


def test_an_error_status_is_told_with_the_models_own_words(url):
    with pytest.raises(ModelUnreachable, match=r"status 400.*no such content") as refused:
        http_send(url)(b"1,2\n", "text/csv")
    assert refused.value.status == 400


def test_a_refused_connection_is_told():
    with HTTPServer(("127.0.0.1", 0), Invocations) as server:
        closed = f"http://127.0.0.1:{server.server_port}/"
    with pytest.raises(ModelUnreachable, match=r"(?i)refused"):
        http_send(closed, timeout_seconds=5)(b"", "text/csv")


def test_other_schemes_than_http_are_refused():
    with pytest.raises(ModelUnreachable, match="begins with http"):
        http_send("file:///etc/hosts")
