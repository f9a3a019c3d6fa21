"""The baseline that a model version has of its own: by its model package, by a tag, or by the job that made it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchpost.service.baselines.served import ServedModel, package_name
from watchpost.service.endpoints.documents import MODEL
from watchpost.service.monitoring.documents import BASELINE, BaselineVersion, MonitoringType
from watchpost.service.registry.documents import MODEL_PACKAGE, ModelPackage, package_key
from watchpost.service.registry.tags import tags_on
from watchpost.stores.store import Transaction

BASELINE_TAG = "watchpost_baseline"
"""Tag of a model package or a model: the prefix at which its own baseline lies (`s3://bucket/prefix`)."""

# Members of DriftCheckBaselines, then of ModelMetrics, which say the same where a pipeline left the first out.
_PACKAGED: Mapping[MonitoringType, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "DataQuality": (
        ("DriftCheckBaselines", "ModelDataQuality", ("Constraints",)),
        ("ModelMetrics", "ModelDataQuality", ("Constraints",)),
    ),
    "ModelQuality": (
        ("DriftCheckBaselines", "ModelQuality", ("Constraints",)),
        ("ModelMetrics", "ModelQuality", ("Constraints",)),
    ),
    "ModelBias": (("DriftCheckBaselines", "Bias", ("PostTrainingConstraints", "PreTrainingConstraints")),),
    "ModelExplainability": (("DriftCheckBaselines", "Explainability", ("Constraints",)),),
}


@dataclass(frozen=True, slots=True)
class OwnBaseline:
    """Where a model version's own baseline lies: the URI of its constraints or of its statistics, or of both."""

    constraints: str | None = None
    statistics: str | None = None


def own_baseline(
    tx: Transaction, served: ServedModel, monitor: MonitoringType, like: OwnBaseline
) -> OwnBaseline | None:
    """The version's own baseline for a kind of monitor; None: it has none.

    Args: like: the schedule's baseline, whose files a tagged or recorded one is expected to be named after.
    """
    package = tx.get(MODEL_PACKAGE, package_key(served.package)) if served.package is not None else None
    found = packaged(package, monitor) if package is not None else None
    if found is not None:
        return found
    model = tx.get(MODEL, served.model)
    for thing in (package, model):
        prefix = tags_on(tx, thing.arn, thing.created).get(BASELINE_TAG) if thing is not None else None
        if prefix:
            return _at(prefix, monitor, like)
    made = [version for _, version in tx.scan(BASELINE) if _is_of(version, served, monitor)]
    return _at(max(made, key=lambda one: one.made).uri, monitor, like) if made else None


def packaged(package: ModelPackage, monitor: MonitoringType) -> OwnBaseline | None:
    """The baseline for a kind of monitor that a model package was registered with."""
    for member, kind, names in _PACKAGED[monitor]:
        for name in names:
            constraints = _uri(package.members, member, kind, name)
            statistics = _uri(package.members, member, kind, "Statistics")
            if constraints is not None or statistics is not None:
                return OwnBaseline(constraints, statistics)
    return None


def owners(tx: Transaction, served: tuple[ServedModel, ...], monitor: MonitoringType, judged: OwnBaseline) -> set[str]:
    """Names of the model versions whose own baseline this is: of those that served, and of all of their groups."""
    uris = {uri for uri in (judged.constraints, judged.statistics) if uri is not None}
    found = {
        one.name
        for one in served
        if (own := own_baseline(tx, one, monitor, judged)) is not None and uris & {own.constraints, own.statistics}
    }
    for group in {one.package.rpartition("/")[0] for one in served if one.package is not None and "/" in one.package}:
        for _, package in tx.scan(MODEL_PACKAGE, prefix=f"{group}/"):
            own = packaged(package, monitor)
            if own is not None and uris & {own.constraints, own.statistics}:
                found.add(str(package_name(package.arn)))
    return found


def _is_of(version: BaselineVersion, served: ServedModel, monitor: MonitoringType) -> bool:
    # Clarify's job makes one analysis.json for bias and explainability alike.
    kind = monitor if monitor in {"DataQuality", "ModelQuality"} else "Clarify"
    return version.model in {served.model, served.package} and version.monitor == kind


def _at(prefix: str, monitor: MonitoringType, like: OwnBaseline) -> OwnBaseline:
    """The files below a prefix, named like those of the schedule's own baseline."""
    usual = "constraints.json" if monitor in {"DataQuality", "ModelQuality"} else "analysis.json"
    top = prefix.rstrip("/")
    constraints = f"{top}/{_name(like.constraints) or usual}"
    wanted = like.statistics is not None or (like.constraints is None and monitor == "DataQuality")
    return OwnBaseline(constraints, f"{top}/{_name(like.statistics) or 'statistics.json'}" if wanted else None)


def _name(uri: str | None) -> str:
    return "" if uri is None else uri.rpartition("/")[2]


def _uri(members: Mapping[str, object], *path: str) -> str | None:
    return next((str(uri) for uri in _found(members, *path, "S3Uri")), None)


def _found(structure: object, *path: str) -> Iterator[object]:
    for name in path:
        structure = structure.get(name) if isinstance(structure, Mapping) else None
    if structure:
        yield structure
