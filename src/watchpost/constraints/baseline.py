"""A baseline: what was learned from the training data, as the two files of the service."""

from dataclasses import dataclass
from pathlib import Path

from watchpost.constraints.constraints_json import parse_constraints, write_constraints
from watchpost.constraints.document import Constraints
from watchpost.constraints.suggest import suggest_constraints
from watchpost.errors import BaselineNotFound
from watchpost.profiles.statistics import Statistics
from watchpost.profiles.statistics_json import parse_statistics, write_statistics

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Statistics and constraints that belong together.

    statistics: None when only constraints are at hand; then nothing can be compared with what it was, drift included.
    name: where it came from, for messages and reports.
    """

    constraints: Constraints
    statistics: Statistics | None
    name: str = "baseline"

    @classmethod
    def of(cls, statistics: Statistics, name: str) -> "Baseline":
        """The baseline that these statistics suggest."""
        return cls(suggest_constraints(statistics), statistics, name)

    @classmethod
    def load(
        cls,
        folder: str | Path | None = None,
        *,
        statistics: str | Path | None = None,
        constraints: str | Path | None = None,
    ) -> "Baseline":
        """Read a baseline, made by Watchpost or by the service itself.

        Args: folder: holds `statistics.json` and `constraints.json`; the latter alone will do.
        statistics, constraints: the files themselves, where they lie elsewhere. Statistics alone suggest their
        constraints.
        Raises: BaselineNotFound, MalformedBaseline.
        """
        given = [Path(path) for path in (statistics, constraints) if path is not None]
        root = Path(folder) if folder is not None else None
        learned = Path(statistics) if statistics else root / STATISTICS if root else None
        required = Path(constraints) if constraints else root / CONSTRAINTS if root else None
        for path in given:
            if not path.is_file():
                raise BaselineNotFound(str(path), "a file")
        found = parse_statistics(learned.read_bytes(), str(learned)) if learned and learned.is_file() else None
        name = str(root or (given[-1] if given else ""))
        if required and required.is_file():
            return cls(parse_constraints(required.read_bytes(), str(required)), found, name)
        if found is None:
            raise BaselineNotFound(name, f"a folder with {STATISTICS} and {CONSTRAINTS}")
        return cls.of(found, name)

    def save(self, folder: str | Path) -> Path:
        """Write `statistics.json` and `constraints.json` into a folder, made if need be; returns the folder."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        if self.statistics is not None:
            (root / STATISTICS).write_text(write_statistics(self.statistics), encoding="utf-8")
        (root / CONSTRAINTS).write_text(write_constraints(self.constraints), encoding="utf-8")
        return root

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns it knows, in order: the names of data that comes without any."""
        return tuple(feature.name for feature in self.constraints.features)
