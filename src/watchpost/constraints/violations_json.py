"""`constraint_violations.json`, as the original writes it (contract 4.1)."""

from collections.abc import Iterable

from watchpost.profiles.baseline_json import Tree, decode, pretty
from watchpost.verdicts import Violation

VIOLATIONS = "constraint_violations.json"

_FIELDS = ("feature_name", "constraint_check_type", "description")


def write_violations(violations: Iterable[Violation]) -> str:
    """The file's text. The original leaves the file out when there is no violation; so should the caller."""
    listed: list[Tree] = [
        {
            "feature_name": violation.feature_name,
            "constraint_check_type": violation.constraint_check_type,
            "description": violation.description,
        }
        for violation in violations
    ]
    return pretty({"violations": listed})


def parse_violations(text: str | bytes, path: str) -> tuple[Violation, ...]:
    """The violations of a file. Raises: MalformedBaseline naming the field that is not as it should be."""
    return tuple(
        Violation(*(entry.text(name) for name in _FIELDS)) for entry in decode(text, path).children("violations")
    )
