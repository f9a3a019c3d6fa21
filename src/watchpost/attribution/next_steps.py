"""What to do about moved attributions, in plain sentences, the most telling first."""

from collections.abc import Collection, Iterator

from watchpost.attribution.outcome import AttributionDrift, FeatureChange, LabelDrift
from watchpost.attribution.violations import percent

_NAMED = 3  # features that a sentence names
_WANTED = "If the change is wanted, make a new baseline from current data for later runs to compare with."


def next_steps(drift: AttributionDrift, data_drifted: Collection[str] | None = None) -> tuple[str, ...]:
    """Recommended next steps; none when nothing moved.

    Args: data_drifted: features whose own distribution drifted, where a data quality report knows them; it tells a
    model that reads new data from a model, or a pipeline, that changed.
    """
    steps = dict.fromkeys(step for label in drift.labels for step in _steps(label, data_drifted))
    if steps:
        steps[_WANTED] = None
    return tuple(steps)


def _steps(label: LabelDrift, data_drifted: Collection[str] | None) -> Iterator[str]:
    for pair in label.exchanges:
        yield (
            f"Check whether {pair.first!r} and {pair.second!r} were exchanged on the way to the model: each now has "
            f"about the attribution the other had. Compare the order of the columns that the model receives with the "
            f"order it was trained on."
        )
    if label.missing:
        yield (
            f"Find out why {_names(label.missing)} {'is' if len(label.missing) == 1 else 'are'} no longer attributed: "
            f"a column was dropped or renamed, or another model was explained."
        )
    if label.extra:
        yield f"The baseline does not know {_names(label.extra)}: explain the baseline data with the current model."
    exchanged = {name for pair in label.exchanges for name in (pair.first, pair.second)}
    moved = [change for change in label.changes if change.moved == "yes" and change.feature not in exchanged]
    silent = [change for change in moved if not change.current]
    if silent:
        yield (
            f"The model no longer uses {_names([change.feature for change in silent])}: look whether it arrives "
            f"constant, empty or as a default value."
        )
    yield from _moved([change for change in moved if change.current], data_drifted)
    if label.drifted == "yes" and not moved and not label.exchanges:
        yield "Many small changes reordered the features: compare the model's version with the one of the baseline."
    if label.drifted == "not_enough_data" and label.score is not None:
        yield "The order of features looks lost, but on so few rows it may be chance: explain more rows."


def _moved(moved: list[FeatureChange], data_drifted: Collection[str] | None) -> Iterator[str]:
    largest_first = sorted(moved, key=lambda change: -abs(change.current_share - change.baseline_share))
    if data_drifted is None:
        if largest_first:
            yield (
                f"Look at the data of {_changes(largest_first)} in a data quality report: where it drifted too, the "
                f"model follows its data; where it did not, the model or a step before it changed."
            )
        return
    with_data = [change for change in largest_first if change.feature in data_drifted]
    without = [change for change in largest_first if change.feature not in data_drifted]
    if with_data:
        yield (
            f"The data of {_changes(with_data)} drifted too: check its source first, and if the new values are real, "
            f"measure the model's quality on recent ground truth and consider training it on them."
        )
    if without:
        yield (
            f"The data of {_changes(without)} did not drift, yet its attribution moved: check whether the model was "
            f"replaced, whether preprocessing changed, and which features go together with it."
        )


def _changes(changes: list[FeatureChange]) -> str:
    return _listed(
        [f"{c.feature!r} ({percent(c.relative)})" if c.relative is not None else repr(c.feature) for c in changes]
    )


def _names(names: Collection[str]) -> str:
    return _listed([repr(name) for name in names])


def _listed(words: list[str]) -> str:
    if len(words) > _NAMED:
        return f"{', '.join(words[:_NAMED])} and {len(words) - _NAMED} more"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
