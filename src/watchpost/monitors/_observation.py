"""What a monitor saw of the current data, and statistics files as data that somebody else has seen."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from watchpost.data.weights import WeightSums
from watchpost.profiles.statistics import Statistics
from watchpost.profiles.statistics_json import parse_statistics
from watchpost.verdicts import QuarantineSummary


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of the current data: everything a judgement needs, and no row.

    statistics: of the rows as they came. sample: of rows drawn by their weights, where these differ; then that is what
    is judged. weights: what the rows' weights come to.
    """

    name: str
    statistics: Statistics
    quarantine: QuarantineSummary = field(default_factory=QuarantineSummary)
    sample: Statistics | None = None
    weights: WeightSums | None = None

    @property
    def judged(self) -> Statistics:
        """The statistics that speak of the traffic."""
        return self.statistics if self.sample is None else self.sample


class _Outline(msgspec.Struct):
    """The keys that tell a statistics.json from any other JSON."""

    dataset: msgspec.Raw
    features: list[msgspec.Raw]


def observed_elsewhere(data: object) -> Observation | None:
    """The observation that a `statistics.json` records, when `data` is the path of one; else None.

    So a run of the original service can be judged again without its data. Raises: MalformedBaseline.
    """
    if not isinstance(data, str | Path) or not str(data).endswith(".json") or not Path(data).is_file():
        return None
    content = Path(data).read_bytes()
    try:
        msgspec.json.decode(content, type=_Outline)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Observation(str(data), parse_statistics(content, str(data)))
