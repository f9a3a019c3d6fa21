"""The violations of one execution as lists tell them: in a sentence, and in the order in which they help."""

from collections.abc import Iterable, Sequence

from watchpost.reports.typography import counted, shortened
from watchpost.reports.words import check_words, importance, is_known
from watchpost.verdicts import Violation

_NAMES, _CLAUSES, _NAME_LENGTH = 3, 3, 60


def in_a_sentence(violations: Sequence[Violation]) -> str:
    """How many there are and what is wrong with which column, the most important first; empty without any.

    A column is named once, for the worst that was found of it. What no words are known for is told by its description.
    """
    if not violations:
        return ""
    ordered = sorted(violations, key=lambda each: importance(each.constraint_check_type))
    amount = counted(len(ordered), "violation")
    if not all(each.feature_name and is_known(each.constraint_check_type) for each in ordered):
        return f"{amount}: {_named(ordered[0])}"
    worst: dict[str, str] = {}
    for each in ordered:
        worst.setdefault(each.feature_name, each.constraint_check_type)
    clauses = [_clause(t, [n for n in worst if worst[n] == t]) for t in dict.fromkeys(worst.values())]
    if len(clauses) > _CLAUSES + 1:  # one more costs no more words than saying so
        clauses = [*clauses[:_CLAUSES], f"and {len(clauses) - _CLAUSES} more kinds of trouble"]
    return f"{amount}: {'; '.join(clauses)}."


def of_most_use(violations: Iterable[Violation], metrics: Sequence[str]) -> list[Violation]:
    """The violations for who looks at an alarm over these metrics: first of the columns the metrics are of.

    Monitors name a column's metrics `feature_baseline_drift_<column>`, `feature_non_null_<column>` and so on.
    """

    def place(each: Violation) -> tuple[bool, int]:
        is_meant = bool(each.feature_name) and any(metric.endswith(f"_{each.feature_name}") for metric in metrics)
        return not is_meant, importance(each.constraint_check_type)

    return sorted(violations, key=place)


def _clause(check_type: str, names: Sequence[str]) -> str:
    words = check_words(check_type)
    shown = [shortened(name, _NAME_LENGTH) for name in names[:_NAMES]]
    if len(names) > _NAMES:
        shown.append(f"{len(names) - _NAMES} more")
    subject = f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
    return f"{subject} {words.singular if len(names) == 1 else words.plural}"


def _named(violation: Violation) -> str:
    return f"{violation.feature_name}: {violation.description}" if violation.feature_name else violation.description
