"""Which runner a container means, and what the server's owner has to allow."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.errors import Misconfigured
from watchpost.runners import RUNNERS, Container, Job, NoRunner, Runner, Settings, Upstream, plan, read_toml

XGBOOST_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
variables = st.dictionaries(
    st.sampled_from(
        [
            "WATCHPOST_RUNNER",
            "WATCHPOST_URL",
            "WATCHPOST_CALLABLE",
            "WATCHPOST_FOLDER",
            "WATCHPOST_MLFLOW_URI",
            "WATCHPOST_PING_PATH",
            "OTHER",
        ]
    ),
    st.sampled_from(
        ["", "http", "python_callable", "mlflow", "os:system", "/", "..", "models:/m", "http://h:1", "file:///etc"]
    )
    | st.text(max_size=20),
)


def container(image: str = "", data: str = "", **environment: str) -> Container:
    return Container(image, data, tuple(environment.items()))


@pytest.mark.parametrize("name", RUNNERS.names())
def test_every_member_of_the_family_is_a_runner(name: str) -> None:
    assert isinstance(RUNNERS.load(name), Runner)


@given(st.text(max_size=30), st.text(max_size=30), variables)
def test_no_request_makes_the_server_run_code_unless_its_owner_allowed_it(
    image: str, data: str, environment: dict[str, str]
) -> None:
    try:
        planned = plan(container(image, data, **environment), Settings())
    except NoRunner:
        return
    assert isinstance(planned, Upstream) or planned.runner == "xgboost"


def test_an_image_that_is_a_url_is_the_server_to_ask() -> None:
    assert plan(container("http://127.0.0.1:8080/"), Settings()) == Upstream("http://127.0.0.1:8080")


def test_the_url_may_stand_in_the_environment_with_paths_of_its_own() -> None:
    planned = plan(
        container(
            "my/image",
            WATCHPOST_URL="https://models.example.com/price",
            WATCHPOST_INVOCATIONS_PATH="/v2/models/price/infer",
            WATCHPOST_PING_PATH="",
        ),
        Settings(),
    )
    assert planned == Upstream("https://models.example.com/price", "/v2/models/price/infer", None)


@pytest.mark.parametrize(
    "url", ["http://", "http://user:secret@h/", "http://h:0x/", "http://h/?a=b", "https://h:99999/"]
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(NoRunner, match="no address of a model server"):
        plan(container(WATCHPOST_URL=url, WATCHPOST_RUNNER="http"), Settings())


def test_the_owner_can_say_which_servers_may_be_asked() -> None:
    settings = read_toml('[http]\nupstreams = ["http://model:8080/"]\n')
    assert plan(container("http://model:8080/a"), settings) == Upstream("http://model:8080/a")
    for other in ("http://model.evil:8080", "http://169.254.169.254", "http://model:8081"):
        with pytest.raises(NoRunner, match=r"runners\.toml"):
            plan(container(other), settings)


def test_sagemakers_own_xgboost_image_means_the_xgboost_runner() -> None:
    planned = plan(container(XGBOOST_IMAGE, "s3://b/model.tar.gz", SAGEMAKER_BATCH="true", SECRET="x"), Settings())
    assert planned == Job("xgboost", data="s3://b/model.tar.gz", environment=(("SAGEMAKER_BATCH", "true"),))


def test_an_image_nobody_knows_is_refused_with_what_would_work() -> None:
    with pytest.raises(NoRunner, match=r"sklearn.*http, mlflow, python_callable, xgboost"):
        plan(container("1.dkr.ecr.us-east-1.amazonaws.com/sklearn:1", "s3://b/model.tar.gz"), Settings())


def test_a_misspelt_runner_is_answered_with_the_nearest() -> None:
    with pytest.raises(NoRunner, match="Did you mean 'xgboost'"):
        plan(container("x", WATCHPOST_RUNNER="xgbost"), Settings())


def test_a_callable_is_run_from_an_allowed_folder_only(tmp_path: Path) -> None:
    allowed, other = tmp_path / "models", tmp_path / "other"
    (allowed / "price").mkdir(parents=True)
    other.mkdir()
    (allowed / "link").symlink_to(other)
    settings = read_toml(f'[python]\nfolders = ["{allowed}"]\n')

    def asked(folder: Path) -> Container:
        return container(WATCHPOST_CALLABLE="price.model:predict", WATCHPOST_FOLDER=str(folder))

    planned = plan(asked(allowed / "price"), settings)
    assert isinstance(planned, Job)
    assert planned.target.startswith(str(allowed / "price"))
    for folder in (other, allowed / ".." / "other", allowed / "link", tmp_path):
        with pytest.raises(NoRunner, match="must not choose what code"):
            plan(asked(folder), settings)


def test_without_a_folder_a_callable_is_looked_for_in_the_first_one_allowed(tmp_path: Path) -> None:
    planned = plan(container(WATCHPOST_CALLABLE="m:f"), read_toml(f'[python]\nfolders = ["{tmp_path}"]\n'))
    assert isinstance(planned, Job)
    assert planned.target == f"{tmp_path}\nm:f"


@pytest.mark.parametrize("name", ["predict", "a b:c", "os:system()", ":f", "a:", "a..b:c", "../a:b"])
def test_what_is_no_name_of_a_function_is_refused(name: str) -> None:
    with pytest.raises(NoRunner, match="module:function"):
        plan(container(WATCHPOST_CALLABLE=name), read_toml('[python]\nfolders = ["/"]\n'))


def test_an_mlflow_model_is_loaded_from_an_allowed_uri_only() -> None:
    settings = read_toml('[mlflow]\nuris = ["models:/price"]\ntracking_uri = "http://mlflow:5000"\n')
    asked = container(WATCHPOST_MLFLOW_URI="models:/price@champion", MLFLOW_TRACKING_URI="http://evil")
    planned = plan(asked, settings)
    assert isinstance(planned, Job)
    assert dict(planned.environment)["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    for uri in ("s3://b/model", "models:/price/../other", "models:/other", ""):
        with pytest.raises(NoRunner):
            plan(container(WATCHPOST_RUNNER="mlflow", WATCHPOST_MLFLOW_URI=uri), settings)


@pytest.mark.parametrize(
    "text", ["[limits]\nmemory_mb = 1", "[python]\nfolder = []", "limits", "[limits]\nprocesses = 0"]
)
def test_settings_that_make_no_sense_are_refused_by_name(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"runners\.toml"):
        read_toml(text)
