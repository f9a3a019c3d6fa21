"""What a monitor has to be told about the data, in the service's own words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from watchpost.data.dataset import Dataset

ProblemType = Literal["BinaryClassification", "MulticlassClassification", "Regression"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything any monitor may need to know; each takes what it needs, and says what is missing.

    problem_type: what the model predicts. inference_attribute: the column of the predicted value or label.
    probability_attribute: the column of the score. probability_threshold_attribute: a score at or above it is the
    positive label, in [0, 1]. ground_truth_attribute: the column of the true value or label.
    positive_label: of a binary classification, the label that counts as positive, every other as negative; None is 1
    (or true), and 0 (or false) is then the only other one.
    Attributes are names, indexes of columns (`"0"`), or paths into nested JSON (`predictions[0].score`).
    weight_attribute: the column of sample weights, for model quality; None takes the weights of captured records
    (`watchpost.data.weights`), and where there are none all rows count alike.
    segments: categorical columns; every figure is also given for each of their values.
    ground_truth: labels that arrived later, to be joined on the records' ids.
    expected_label_share: of predictions that have a label by now as a rule, in [0, 1]; fewer are then a violation.
    analysis_config: the text of Clarify's `analysis_config.json`, for bias and explainability.
    model: what explainability explains: a model of a known library, a function of rows, or the URL of an endpoint.
    seed: of everything that is drawn at random.
    """

    problem_type: ProblemType | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold_attribute: float | None = None
    ground_truth_attribute: str | None = None
    segments: tuple[str, ...] = ()
    ground_truth: "Dataset | None" = None
    expected_label_share: float | None = None
    analysis_config: str | None = None
    model: object = None
    seed: int = 0
    weight_attribute: str | None = None
    positive_label: str | None = None
