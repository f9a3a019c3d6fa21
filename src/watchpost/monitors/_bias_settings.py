"""What the bias monitor is told: Clarify's `analysis_config.json`, and where a record holds answer and truth."""

from dataclasses import dataclass

import msgspec

from watchpost.bias import BiasConfiguration, parse_configuration
from watchpost.errors import InputError, MalformedBaseline
from watchpost.monitors._settings import Settings

CONFIGURATION = "analysis_config.json"
_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is compared with whom. text: the file it was read from. intersections: pairs of facets, ours."""

    configuration: BiasConfiguration
    intersections: tuple[tuple[str, str], ...]
    text: str


class _Extension(msgspec.Struct):
    intersections: list[tuple[str, str]] = []


def asked(text: str, path: str) -> Asked:
    """Read an `analysis_config.json`, our key `intersections` with it.

    Raises: MalformedBaseline naming the field and what was expected there.
    """
    configuration = parse_configuration(text, path)
    try:
        pairs = msgspec.json.decode(text.removeprefix("\ufeff"), type=_Extension).intersections
    except msgspec.ValidationError as fault:
        example = 'expected pairs of facets, such as [["Sex", "Race"]]'
        raise MalformedBaseline(path, "intersections", f"{example} ({fault})") from fault
    facets = {facet.name for facet in configuration.facets}
    for pair in pairs:
        unknown = [name for name in pair if name not in facets]
        if unknown or pair[0] == pair[1]:
            why = f"{unknown[0]!r} is no facet" if unknown else f"{pair[0]!r} stands twice in one pair"
            known = ", ".join(map(repr, sorted(facets)))
            raise MalformedBaseline(path, "intersections", f"{why}; expected two of the facets {known}")
    return Asked(configuration, tuple(pairs), text)


def configured(settings: Settings, known: Asked | None = None) -> Asked:
    """What is asked: by the settings, or else by the baseline.

    Raises: InputError where neither says it, or the settings ask for other groups than the baseline has.
    """
    if settings.analysis_config is None:
        if known is not None:
            return known
        raise InputError(
            "The bias monitor has to know the label and the groups to compare. Give Clarify's analysis_config.json: "
            "--config FILE, or Settings(analysis_config=...) with its text."
        )
    given = asked(settings.analysis_config, CONFIGURATION)
    if known is not None and (given.configuration, given.intersections) != (known.configuration, known.intersections):
        raise InputError(
            "The given analysis_config.json asks for other groups than the baseline's own, and metrics of different "
            "groups cannot be compared. Leave --config out, or make a new baseline with it."
        )
    return given


@dataclass(frozen=True, slots=True)
class Attributes:
    """Where a record holds the model's answer and the truth; see `Settings`.

    inference: a label, or a list of labels beside a list of probabilities. threshold: a score above it is positive.
    optional_answer: it may be missing, as a configuration may name a place in a model's answer that no table has.
    """

    inference: str | None
    probability: str | None
    threshold: float
    truth: str | None
    optional_answer: bool = False


def attributes(settings: Settings, configuration: BiasConfiguration) -> Attributes:
    """The settings' attributes, completed by the configuration's. Raises: InputError for a threshold beyond [0, 1]."""
    threshold = settings.probability_threshold_attribute
    if threshold is None:
        threshold = configuration.probability_threshold
    if threshold is None:
        threshold = _THRESHOLD
    if not 0 <= threshold <= 1:
        raise InputError(f"The probability threshold is {threshold}; give one from 0 to 1 (--probability-threshold).")
    inference, probability = settings.inference_attribute, settings.probability_attribute
    if inference is None and probability is None and configuration.predicted_label is not None:
        scored = configuration.probability_threshold is not None
        named = configuration.predicted_label
        return Attributes(
            None if scored else named, named if scored else None, threshold, settings.ground_truth_attribute, True
        )
    return Attributes(inference, probability, threshold, settings.ground_truth_attribute)
