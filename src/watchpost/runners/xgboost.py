"""An XGBoost model archive (`model.tar.gz`) or file, asked and answering as SageMaker's XGBoost container does.

Only XGBoost's own JSON and UBJSON are read: those are data. A pickle is code and is refused; so is the binary format
that XGBoost 3.1 dropped. Source of the content types and answers: aws/sagemaker-xgboost-container, algorithm mode.
"""

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from watchpost.runners._rows import parse_rows, write_scores
from watchpost.runners._runner import Answer, BadInput, Container, Job, Model, NoRunner, Question, Runner
from watchpost.runners._settings import Settings

if TYPE_CHECKING:
    import xgboost

_LARGEST_MODEL = 4 * 1024**3
_NAMES = ("xgboost-model", "model.ubj", "model.json", "xgboost-model.ubj", "xgboost-model.json")
_HOW = "Save it with booster.save_model('model.ubj') in XGBoost 1.6 or newer, and pack that file"
_BATCH = "SAGEMAKER_BATCH"


def means(container: Container) -> bool:
    """Whether there is model data, and the image is called after XGBoost."""
    return "xgboost" in container.image.rpartition("/")[2].lower() and bool(container.model_data)


def plan(container: Container, settings: Settings) -> Job:  # noqa: ARG001  the model is data: no permission needed
    """The archive to load. Raises: NoRunner: there is none."""
    if not container.model_data:
        raise NoRunner("An XGBoost model needs ModelDataUrl: the s3:// location of a model.tar.gz.")
    kept = tuple((name, value) for name, value in container.environment if name == _BATCH)
    return Job("xgboost", data=container.model_data, environment=kept)


def load(job: Job, data: Path | None) -> Model:
    """The booster, from an archive, a file or a folder. Raises: ValueError: there is none in it, or not as data."""
    if data is None:
        raise ValueError("no model data came with the job")
    booster = _booster(model_bytes(data))
    lines = dict(job.environment).get(_BATCH, "").lower() == "true"

    def model(question: Question) -> Answer:
        rows = parse_rows(question.body, question.content_type, booster.feature_names, booster.num_features())
        if rows.shape[1] != booster.num_features():
            wanted = booster.num_features()
            raise BadInput(f"a row has {rows.shape[1]} values, but the model was trained on {wanted} features")
        return write_scores(booster.inplace_predict(rows), question, lines=lines)

    return model


def model_bytes(data: Path) -> bytes:
    """The content of the model's file. Raises: ValueError: there is none, or it is larger than 4 GiB."""
    if data.is_dir():
        files = [path for path in sorted(data.rglob("*")) if path.is_file()]
        name = _chosen([path.relative_to(data).as_posix() for path in files], str(data))
        return (data / name).read_bytes()
    if not tarfile.is_tarfile(data):
        return data.read_bytes()
    # Nothing is unpacked to the disk, so what names and links the archive holds does not matter.
    with tarfile.open(data) as archive:
        members = {member.name.removeprefix("./"): member for member in archive if member.isfile()}
        member = members[_chosen(list(members), data.name)]
        if member.size > _LARGEST_MODEL:
            raise ValueError(f"{member.name} in {data.name} is larger than {_LARGEST_MODEL} bytes")
        file = archive.extractfile(member)
        if file is None:
            raise ValueError(f"{member.name} in {data.name} is no file")
        return file.read()


def _chosen(names: list[str], where: str) -> str:
    for known in _NAMES:
        for name in names:
            if name.rpartition("/")[2] == known:
                return name
    models = [name for name in names if name.endswith((".ubj", ".json", ".xgb", ".bin", ".model", ".bst"))]
    if len(models) == 1 or len(names) == 1:
        return (models or names)[0]
    raise ValueError(f"{where} holds no XGBoost model: expected one file named {', '.join(_NAMES)}; it has {names}")


def _booster(content: bytes) -> "xgboost.Booster":
    if content[:1] != b"{":
        kind = "a pickle, which is code and not run" if content[:1] == b"\x80" else "in a format XGBoost has dropped"
        raise ValueError(f"the model is {kind}. {_HOW}")
    import xgboost  # noqa: PLC0415  seconds to import, and only this runner needs it

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as problem:
        raise ValueError(f"XGBoost cannot read the model: {str(problem).splitlines()[0]}. {_HOW}") from problem
    return booster


plugin = Runner(means, plan, load)
