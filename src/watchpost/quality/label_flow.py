"""label_flow_check: labels arrive as they used to. Quality that nobody measures any more looks like no complaint."""

from watchpost.constraints.sampling import ALPHA, excess_over_rate
from watchpost.data.labels import Coverage
from watchpost.verdicts import Violation

TYPE = "label_flow_check"
SUBJECT = "Ground truth"


def check_label_flow(coverage: Coverage, expected_share: float) -> Violation | None:
    """A violation when fewer predictions got a label than chance explains, at the share that used to.

    Args: coverage: of a window, as of the instant of judgement. expected_share: of predictions that have a label at the
    same age, in [0, 1], e.g. of the baseline's windows.
    Source: the exact binomial tail; it cries wolf once in a thousand windows (`watchpost.constraints.sampling`).
    """
    missing, predictions = coverage.predictions - coverage.labelled, coverage.predictions
    if not predictions or excess_over_rate(missing, predictions, 1.0 - expected_share) >= ALPHA:
        return None
    return Violation(
        SUBJECT,
        TYPE,
        f"Labels stay away: {coverage.labelled} of {predictions} predictions have one, a share of "
        f"{coverage.labelled_share:.3g}; {expected_share:.3g} is expected by now, and chance does not explain the "
        f"difference ({coverage.withdrawn} labels were withdrawn). Check the job that delivers ground truth.",
    )
