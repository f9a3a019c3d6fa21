"""XGBoost models out of archives, files and folders; and what is refused."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from watchpost.runners import RUNNERS, BadInput, Job, Model, Question

xgboost = pytest.importorskip("xgboost")
RNG = np.random.default_rng(7)
ROWS = RNG.random((200, 3))


@pytest.fixture(scope="module")
def booster() -> "xgboost.Booster":
    data = xgboost.DMatrix(ROWS, label=ROWS[:, 0] > 0.5, feature_names=["a", "b", "c"])
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 3)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def loaded(data: Path, *environment: tuple[str, str]) -> Model:
    return RUNNERS.load("xgboost").load(Job("xgboost", data="s3://b/k", environment=environment), data)


@pytest.mark.parametrize("form", ["ubj", "json"])
@pytest.mark.parametrize("name", ["xgboost-model", "./model.{}", "1/model.{}"])
def test_an_archive_answers_what_the_booster_predicts(
    booster: "xgboost.Booster", tmp_path: Path, form: str, name: str
) -> None:
    files = {"readme.txt": b"hello", name.format(form): bytes(booster.save_raw(form))}
    model = loaded(archive(tmp_path / "model.tar.gz", files), ("SAGEMAKER_BATCH", "true"))
    body = "\n".join(",".join(map(str, row)) for row in ROWS[:20]).encode()
    answer = model(Question(body, "text/csv"))
    scores = [float(line) for line in answer.body.split()]
    np.testing.assert_allclose(scores, booster.inplace_predict(ROWS[:20].astype(np.float32)), rtol=1e-6)


def test_a_bare_file_and_a_folder_are_models_too(booster: "xgboost.Booster", tmp_path: Path) -> None:
    raw = bytes(booster.save_raw("ubj"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "xgboost-model").write_bytes(raw)
    (tmp_path / "model.ubj").write_bytes(raw)
    question = Question(b"0.1,0.2,0.3", "text/csv")
    assert loaded(tmp_path / "folder")(question) == loaded(tmp_path / "model.ubj")(question)


def test_objects_are_rows_by_the_names_of_the_features(booster: "xgboost.Booster", tmp_path: Path) -> None:
    (tmp_path / "model.ubj").write_bytes(bytes(booster.save_raw("ubj")))
    model = loaded(tmp_path / "model.ubj")
    named = model(Question(b'{"instances":[{"c":0.3,"a":0.1,"b":0.2}]}', "application/json"))
    assert named == model(Question(b"[[0.1,0.2,0.3]]", "application/json"))


def test_a_row_of_the_wrong_width_is_the_callers_fault(booster: "xgboost.Booster", tmp_path: Path) -> None:
    (tmp_path / "model.ubj").write_bytes(bytes(booster.save_raw("ubj")))
    with pytest.raises(BadInput, match=r"2 values.*3 features"):
        loaded(tmp_path / "model.ubj")(Question(b"1,2", "text/csv"))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"xgboost-model": pickle.dumps(Bomb())}, "code and not run"),
        ({"xgboost-model": b"binf" + b"0" * 100}, "format XGBoost has dropped"),
        ({"xgboost-model": b'{"no": "model"}'}, "XGBoost cannot read"),
        ({"a.txt": b"", "b.txt": b""}, "holds no XGBoost model"),
        ({}, "holds no XGBoost model"),
    ],
)
def test_an_archive_without_a_model_that_is_data_is_refused(files: dict[str, bytes], why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        loaded(archive(tmp_path / "model.tar.gz", files))


def test_names_that_lead_out_of_an_archive_write_nothing(booster: "xgboost.Booster", tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    files = {"../../evil": b"x", "/abs": b"x", "xgboost-model": bytes(booster.save_raw("ubj"))}
    loaded(archive(inside / "model.tar.gz", files))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "model.tar.gz"]
