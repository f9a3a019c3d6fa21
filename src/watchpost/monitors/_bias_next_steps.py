"""What to do about grown bias, said by what grew: the people, their true outcomes, the answers, or the errors."""

from watchpost.bias import BiasTable
from watchpost.bias.compare import BiasComparison
from watchpost.monitors._bias_figures import group_name

_LABELS = {"CDDL", "DPL", "JS", "KL", "KS", "LP", "TVD"}
_ANSWERS = {"CDDPL", "DI", "DPPL", "FT"}
_ERRORS = {"AD", "DAR", "DCA", "DCR", "DRR", "RD", "SD", "TE"}


def next_steps(judged: BiasComparison, table: BiasTable) -> tuple[str, ...]:
    """Sentences, group by group, most urgent first; none without a violation."""
    grown: dict[str, list[str]] = {}
    for violation in judged.violations:
        grown.setdefault(group_name(violation.facet, violation.facet_value), []).append(violation.metric_name)
    steps = [step for group, metrics in grown.items() for step in _of_group(group, metrics, table)]
    if any("GE" in metrics for metrics in grown.values()):
        steps.append(
            "The model's errors are spread more unevenly over all people (GE), whatever their group: run the model "
            "quality monitor on the same window."
        )
    if steps:
        steps.append(
            "Keep this report, and have someone who answers for the decision look at it before a threshold is moved "
            "or the model retrained."
        )
    return tuple(steps)


def _of_group(group: str, metrics: list[str], table: BiasTable) -> list[str]:
    labels, answers, errors = ([m for m in metrics if m in kind] for kind in (_LABELS, _ANSWERS, _ERRORS))
    steps = []
    if answers and labels:
        steps.append(
            f"{group}: predictions ({', '.join(answers)}) and true labels ({', '.join(labels)}) both moved apart. Find "
            f"out first why {table.label} differs more: who is recorded, how it is labelled, or the world itself; the "
            "model may only follow."
        )
    elif answers:
        steps.append(
            f"{group}: the predictions moved apart ({', '.join(answers)}) while the true labels did not. Compare the "
            "model's version, its threshold and the group's features with those of the baseline."
        )
    elif labels:
        steps.append(
            f"{group}: the true labels moved apart ({', '.join(labels)}), and the predictions not with them. Check how "
            f"{table.label} is recorded for this group; if it is right, the model has to learn it anew."
        )
    if errors:
        steps.append(
            f"{group}: the model errs differently for this group than for everyone else ({', '.join(errors)}). Look at "
            "its wrongly refused and wrongly favoured cases, and at drift of its features."
        )
    if "CI" in metrics:
        steps.append(
            f"{group}: its share of the records moved (CI). Find out whether people stay away or records are lost."
        )
    return steps
