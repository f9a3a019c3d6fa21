"""A baseline of model quality: what the model could do when all was well, as the two files of the service."""

from dataclasses import dataclass
from pathlib import Path

from watchpost.constraints.baseline import CONSTRAINTS, STATISTICS
from watchpost.errors import BaselineNotFound
from watchpost.quality.document import QualityConstraints, QualityStatistics, suggest_quality_constraints
from watchpost.quality.metrics import ProblemType
from watchpost.quality.quality_json import (
    parse_quality_constraints,
    parse_quality_statistics,
    write_quality_constraints,
    write_quality_statistics,
)


@dataclass(frozen=True, slots=True)
class QualityBaseline:
    """Statistics and constraints of model quality that belong together.

    statistics: None when only constraints are at hand; then thresholds are taken as they are. name: where it came from.
    """

    constraints: QualityConstraints
    statistics: QualityStatistics | None
    name: str = "baseline"

    @classmethod
    def load(cls, folder: str | Path) -> "QualityBaseline":
        """Read a baseline, made by Watchpost or by the service itself; either file alone will do.

        Statistics alone suggest their constraints. Raises: BaselineNotFound, MalformedBaseline.
        """
        root = Path(folder)
        learned, required = root / STATISTICS, root / CONSTRAINTS
        found = parse_quality_statistics(learned.read_bytes(), str(learned)) if learned.is_file() else None
        if required.is_file():
            return cls(parse_quality_constraints(required.read_bytes(), str(required)), found, str(root))
        if found is None:
            raise BaselineNotFound(str(root), f"a folder with {STATISTICS} and {CONSTRAINTS}")
        return cls(suggest_quality_constraints(found.figures), found, str(root))

    def save(self, folder: str | Path) -> Path:
        """Write `statistics.json` and `constraints.json` into a folder, made if need be; returns the folder."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        if self.statistics is not None:
            (root / STATISTICS).write_text(write_quality_statistics(self.statistics), encoding="utf-8")
        (root / CONSTRAINTS).write_text(write_quality_constraints(self.constraints), encoding="utf-8")
        return root

    @property
    def column_names(self) -> tuple[str, ...]:
        """None: the service's files of model quality name metrics, not columns."""
        return ()

    @property
    def problem_type(self) -> ProblemType:
        """What the model predicts."""
        return self.constraints.problem_type
