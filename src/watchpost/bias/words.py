"""Each metric in plain words, for people who answer for a model without having built it.

In the sentences, `{group}` is the group in question (Sex = 0), `{others}` everyone else, `{outcome}` the positive label
(Target = 1); `sentence` fills them in. Ranges and directions follow the formulas of `watchpost.bias.metrics`.
"""

import math
from dataclasses import dataclass

from watchpost.bias.metrics import BY_NAME
from watchpost.bias.table import BiasTable, GroupBias


@dataclass(frozen=True, slots=True)
class MetricWords:
    """What a metric says.

    title: its name in full. meaning: what it measures, in one sentence. low, high: its range. direction: what a value
    on either side of the neutral one means. compares: which rows of which groups are set against each other.
    """

    title: str
    meaning: str
    low: float
    high: float
    direction: str
    compares: str


def words(name: str) -> MetricWords:
    """The words for a metric, by its short name. Raises: KeyError."""
    return _WORDS[name]


def neutral(name: str) -> float:
    """The value at which both groups fare alike. Raises: KeyError."""
    return BY_NAME[name].neutral


def sentence(name: str, table: BiasTable, group: GroupBias) -> str:
    """Which groups a metric compares, said of these groups. Raises: KeyError."""
    who = f"{group.facet} = {group.value}"
    return _WORDS[name].compares.format(
        group=f"people with {who} ({group.rows} rows)",
        others=f"everyone else ({group.other_rows} rows)",
        outcome=f"{table.label} = {table.label_text}",
    )


_LESS_FOR_GROUP = "Above 0: the group gets it less often than everyone else; below 0: more often."
_WORSE_FOR_GROUP = "Above 0: the model does better for everyone else; below 0: it does better for the group."
_ANY_DISTANCE = "0: the same shares in both; the larger, the more they differ, whoever is favoured."

_WORDS: dict[str, MetricWords] = {
    "CI": MetricWords(
        "Class imbalance",
        "Whether the group is thin in the data, so that a model learns little about it.",
        -1.0,
        1.0,
        "Above 0: fewer rows of the group than of everyone else; below 0: more.",
        "The number of rows: {others} against {group}.",
    ),
    "DPL": MetricWords(
        "Difference in positive proportions in labels",
        "How much more often everyone else truly has the positive label than the group has.",
        -1.0,
        1.0,
        _LESS_FOR_GROUP,
        "The share with the observed label {outcome}: among {others} minus among {group}.",
    ),
    "KL": MetricWords(
        "Kullback-Leibler divergence",
        "How much is lost by taking the group's labels for those of everyone else, in nats.",
        -1 / math.e,
        math.inf,
        _ANY_DISTANCE + " (Below 0 only where one of the groups lacks a label altogether.)",
        "The shares of observed labels ({outcome} or not): among {others} from among {group}.",
    ),
    "JS": MetricWords(
        "Jensen-Shannon divergence",
        "How far the observed labels of both groups lie from their common average, in nats.",
        0.0,
        math.log(2),
        _ANY_DISTANCE,
        "The shares of observed labels ({outcome} or not): among {others} and among {group}, from their average.",
    ),
    "LP": MetricWords(
        "L-p norm",
        "The straight-line distance between the shares of observed labels in both groups.",
        0.0,
        math.sqrt(2),
        _ANY_DISTANCE,
        "The shares of observed labels ({outcome} or not): among {others} and among {group}.",
    ),
    "TVD": MetricWords(
        "Total variation distance",
        "The share of people in one group whose label would have to change for both groups to look alike.",
        0.0,
        1.0,
        _ANY_DISTANCE,
        "The shares of observed labels ({outcome} or not): among {others} and among {group}.",
    ),
    "KS": MetricWords(
        "Kolmogorov-Smirnov distance",
        "The largest difference in the share of any one label between both groups.",
        0.0,
        1.0,
        _ANY_DISTANCE,
        "The shares of observed labels ({outcome} or not): among {others} and among {group}.",
    ),
    "CDDL": MetricWords(
        "Conditional demographic disparity in labels",
        "Whether the group is a larger part of those without the positive label than of those with it, "
        "among people alike in the group variable.",
        -1.0,
        1.0,
        _LESS_FOR_GROUP,
        "The share of {group} among all without the observed label {outcome} minus their share among all with it, "
        "within every value of the group variable, averaged by size; the rest are {others}.",
    ),
    "DPPL": MetricWords(
        "Difference in positive proportions in predicted labels",
        "How much more often the model favours everyone else than the group.",
        -1.0,
        1.0,
        _LESS_FOR_GROUP,
        "The share predicted {outcome}: among {others} minus among {group}.",
    ),
    "DI": MetricWords(
        "Disparate impact",
        "How often the model favours the group, as a fraction of how often it favours everyone else. "
        "The four-fifths rule of United States employment guidelines looks for values below 0.8.",
        0.0,
        math.inf,
        "Below 1: the group is favoured less often than everyone else; above 1: more often.",
        "The share predicted {outcome}: among {group} divided by that among {others}.",
    ),
    "DCA": MetricWords(
        "Difference in conditional acceptance",
        "Whether the model is stingier with everyone else: observed positives per predicted positive.",
        -math.inf,
        math.inf,
        "Above 0: more deserve it per one favoured among everyone else, so the model is freer with the group; "
        "below 0: stingier.",
        "Rows observed as {outcome} per row predicted so: among {others} minus among {group}.",
    ),
    "DCR": MetricWords(
        "Difference in conditional rejection",
        "Whether the model refuses one of both more sparingly: observed negatives per predicted negative.",
        -math.inf,
        math.inf,
        "Above 0: fewer refusals per observed negative in the group than among everyone else; below 0: more.",
        "Rows not observed as {outcome} per row not predicted so: among {group} minus among {others}.",
    ),
    "RD": MetricWords(
        "Recall difference",
        "Of those who truly have the positive label, how many more the model finds among everyone else.",
        -1.0,
        1.0,
        _WORSE_FOR_GROUP,
        "The share predicted {outcome} of those who are: among {others} minus among {group}.",
    ),
    "SD": MetricWords(
        "Specificity difference",
        "Of those who truly lack the positive label, how many more the model recognises in the group.",
        -1.0,
        1.0,
        "Above 0: negatives are recognised more often in the group, so others are wrongly favoured more often; "
        "below 0: the group is.",
        "The share not predicted {outcome} of those who are not: among {group} minus among {others}.",
    ),
    "DAR": MetricWords(
        "Difference in acceptance rates",
        "Of those whom the model favours, how many more rightly so among everyone else (difference in precision).",
        -1.0,
        1.0,
        _WORSE_FOR_GROUP,
        "The share truly {outcome} of those predicted so: among {others} minus among {group}.",
    ),
    "DRR": MetricWords(
        "Difference in rejection rates",
        "Of those whom the model refuses, how many more rightly so in the group.",
        -1.0,
        1.0,
        "Above 0: refusals are right more often in the group; below 0: among everyone else.",
        "The share truly not {outcome} of those not predicted so: among {group} minus among {others}.",
    ),
    "AD": MetricWords(
        "Accuracy difference",
        "How much more often the model is right about everyone else than about the group.",
        -1.0,
        1.0,
        _WORSE_FOR_GROUP,
        "The share of right predictions of {outcome}: among {others} minus among {group}.",
    ),
    "TE": MetricWords(
        "Treatment equality",
        "Whether the model errs against the group rather than for it, compared with everyone else.",
        -math.inf,
        math.inf,
        "Above 0: in the group, more are wrongly refused per one wrongly favoured; below 0: fewer.",
        "Rows wrongly not predicted {outcome} per row wrongly predicted so: among {group} minus among {others}.",
    ),
    "CDDPL": MetricWords(
        "Conditional demographic disparity in predicted labels",
        "Whether the group is a larger part of those the model refuses than of those it favours, "
        "among people alike in the group variable.",
        -1.0,
        1.0,
        _LESS_FOR_GROUP,
        "The share of {group} among all not predicted {outcome} minus their share among all predicted so, "
        "within every value of the group variable, averaged by size; the rest are {others}.",
    ),
    "FT": MetricWords(
        "Flip test",
        "Whether people of the group get another answer than the most similar people outside it.",
        -1.0,
        1.0,
        "Below 0: more of the group are refused where similar others are favoured; above 0: the other way round.",
        "The prediction {outcome} for each of {group} against the majority of their nearest neighbours among {others}.",
    ),
    "GE": MetricWords(
        "Generalized entropy",
        "How unequally the model spreads benefit over all people, whatever group they belong to: "
        "a wrongly refused person has none, a wrongly favoured one double.",
        0.0,
        math.inf,
        "0: everyone gets the same benefit; the larger, the more unequal.",
        "Benefit, by prediction and observation of {outcome}, of every single person against the mean of all: "
        "{group} and {others} together.",
    ),
}
