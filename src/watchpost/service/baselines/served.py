"""Which model versions served in a window, and whether a baseline belongs to them: pure functions of the history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from watchpost.service.endpoints.serving import Serving, serving_between


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model version that answered requests in a window.

    model: its name. package: `group/version`, or the name of an unversioned model package, that it was made of.
    since: when it began to serve without a break, maybe before the window. until: when it ended within the window;
    None: it did not.
    """

    model: str
    package: str | None
    variants: tuple[str, ...]
    since: datetime
    until: datetime | None = None

    @property
    def name(self) -> str:
        """What people call this version: the model package where there is one, else the model."""
        return self.package or self.model


def models_served(history: Sequence[Serving], start: datetime, end: datetime) -> tuple[ServedModel, ...]:
    """The model versions that served at some time within [start, end), by when they began; history: oldest first.

    A version that served twice within the window is there twice.
    """
    inside = serving_between(history, start, end)
    if not inside:
        return ()
    earlier = [line for line in history if line.at < inside[0].at]
    running, ended = dict[tuple[str, str | None], ServedModel](), list[ServedModel]()
    for line in [*earlier, *inside]:
        now = {(one.model, package_name(one.package)) for one in line.variants}
        for key in sorted(running.keys() - now, key=str):
            gone = running.pop(key)
            if line.at > start:
                ended.append(ServedModel(gone.model, gone.package, gone.variants, gone.since, line.at))
        for key in now:
            names = {one.name for one in line.variants if (one.model, package_name(one.package)) == key}
            before = running.get(key)
            variants = tuple(sorted(names | set(before.variants if before else ())))
            running[key] = ServedModel(*key, variants, before.since if before else line.at)
    return tuple(sorted([*ended, *running.values()], key=lambda one: (one.since, one.name)))


def package_name(text: str | None) -> str | None:
    """A model package without what its ARN has before the name.

    >>> package_name("arn:aws:sagemaker:us-east-1:000000000000:model-package/homes/3")
    'homes/3'
    """
    return None if text is None else text.partition(":model-package/")[2] or text


def mismatch(owners: Iterable[str], served: Sequence[ServedModel]) -> str:
    """What is to be said of versions that served and are none of a baseline's owners; "" if there are none.

    owners: names of model versions (`homes/3`, or a model's); empty: not known, nothing is said.
    """
    known = set(owners)
    others = [one for one in served if not known & {one.model, one.package}]
    if not known or not others:
        return ""
    words = " and ".join(f"{one.name} served since {stamp(one.since)}{_until(one)}" for one in others)
    return f"The baseline belongs to model version {' or '.join(sorted(known))}, but {words}."


def several(served: Sequence[ServedModel]) -> str:
    """What is to be said of a window in which more than one model version served; "" otherwise."""
    if len({one.name for one in served}) < 2:
        return ""
    words = ", ".join(f"{one.name} from {stamp(one.since)}{_until(one)}" for one in served)
    return f"{len({one.name for one in served})} model versions served in this window: {words}."


def stamp(at: datetime) -> str:
    """An instant as the reports write it: to the second, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _until(one: ServedModel) -> str:
    return "" if one.until is None else f" until {stamp(one.until)}"
