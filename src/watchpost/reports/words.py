"""The one place that says in plain words what a check or a figure means and what to do next.

Page, terminal, notebook and docs/report.md all read from here. A check type that is not listed (a newer monitor, a
plugin) is shown under its raw name with a general text: nothing is hidden because it is unknown.
"""

from dataclasses import dataclass

from watchpost.reports.typography import shortened


@dataclass(frozen=True, slots=True)
class CheckWords:
    """What one check type says to people.

    title: two or three words, for a tag. singular, plural: what to say of one column or several ("`age` drifted").
    whole: the same of the whole table, when no column is to blame. meaning: what has happened, one sentence.
    against: what the current data was compared with. todo: what to do next.
    """

    type: str
    title: str
    singular: str
    plural: str
    whole: str
    meaning: str
    against: str
    todo: str


# Most important first: what stops every other check, then what breaks a model's input, then what shifts it, then what
# only deserves a look. Headlines, groups and features follow this order. Renamed says more than missing, so it
# comes first.
CHECKS = (
    CheckWords(
        "empty_window_check",
        "No records",
        "has no records",
        "have no records",
        "no records arrived",
        "The current data holds no record at all, so no column could be compared.",
        "a window with at least one record",
        "Check that the endpoint received requests in this window and that capture is switched on and writes to this "
        "place; check the path and the window of the schedule.",
    ),
    CheckWords(
        "renamed_column_check",
        "Renamed column",
        "looks renamed",
        "look renamed",
        "columns look renamed",
        "A baseline column is gone and a new column holds data of the same kind and shape: most likely it was renamed.",
        "the names and distributions of the baseline's columns",
        "Give the column its old name back where the data is produced, or make a new baseline with the new name.",
    ),
    CheckWords(
        "missing_column_check",
        "Missing column",
        "is missing",
        "are missing",
        "columns are missing",
        "A column that the baseline has is not in the current data, so the model may be running without it.",
        "the columns of the baseline",
        "Ask whoever produces the data what became of the column. If it is gone for good, make a new baseline.",
    ),
    CheckWords(
        "all_null_check",
        "No values",
        "holds no values at all",
        "hold no values at all",
        "whole columns hold no values",
        "The column is there, but every one of its cells is empty.",
        "a baseline in which the column has values",
        "Look for a failed join or a source that has stopped delivering.",
    ),
    CheckWords(
        "unit_change_check",
        "Unit changed",
        "looks rescaled",
        "look rescaled",
        "columns look rescaled",
        "All numbers of the column moved by one common factor, as when metres become feet or a ratio becomes a "
        "percentage.",
        "the scale of the same column in the baseline",
        "Find out which unit is meant, convert it where the data is produced, and look at what the model predicted "
        "meanwhile.",
    ),
    CheckWords(
        "data_type_check",
        "Wrong type",
        "holds values of another type",
        "hold values of another type",
        "columns hold values of another type",
        "Too many cells are not of the type that the baseline learned, for instance text where numbers are expected.",
        "the column's type in the baseline",
        "Look at some of the odd values, and correct the parsing or the source. If the new type is right, make a "
        "new baseline.",
    ),
    CheckWords(
        "baseline_drift_check",
        "Drifted",
        "drifted",
        "drifted",
        "distributions drifted",
        "The values of the column are distributed differently: which values occur, or how often, has moved by more "
        "than is allowed.",
        "the distribution of the same column in the baseline",
        "Look at the picture of the column: did the world change, or the data? If the world did, check the model's "
        "quality on fresh labels and retrain; if the data did, correct the source.",
    ),
    CheckWords(
        "label_flow_check",
        "Labels stay away",
        "gets fewer labels",
        "get fewer labels",
        "labels stay away",
        "Fewer predictions have got their true label than is usual by now, so the figures rest on a part of the "
        "records that may not speak for all of them.",
        "the share of predictions that have a label at the same age in the baseline",
        "Check the job that delivers ground truth and that its ids match those of the captured predictions. Read every "
        "figure of this report with care until the labels arrive.",
    ),
    CheckWords(
        "LessThanThreshold",
        "Below its limit",
        "is below its limit",
        "are below their limits",
        "figures of quality fell below their limits",
        "A figure of which more is better, such as recall, is lower than the constraints allow.",
        "the threshold of the same figure in the baseline's constraints",
        "Look for the segments and the days in which it fell, and check the same window's data quality: if the data "
        "changed, correct or follow it; if it did not, the world did, so retrain on recent labels.",
    ),
    CheckWords(
        "GreaterThanThreshold",
        "Above its limit",
        "is above its limit",
        "are above their limits",
        "errors rose above their limits",
        "A figure of which less is better, such as an error, is higher than the constraints allow.",
        "the threshold of the same figure in the baseline's constraints",
        "Look for the segments and the days in which it rose, and check the same window's data quality: if the data "
        "changed, correct or follow it; if it did not, the world did, so retrain on recent labels.",
    ),
    CheckWords(
        "bias_drift_check",
        "More uneven",
        "is more uneven",
        "are more uneven",
        "groups are treated less evenly",
        "A measure of how evenly groups fare lies farther from even than in the baseline, by more than chance explains "
        "(in compatibility mode: by however little).",
        "the same measure of the same group in the baseline",
        "Find out whether the mix of people, their true outcomes or the model's answers changed: the measures of the "
        "labels against those of the predictions tell. Have someone who answers for the decision look at it before "
        "retraining or moving a threshold.",
    ),
    CheckWords(
        "feature_attribution_names_check",
        "Features differ",
        "is explained on one side only",
        "are explained on one side only",
        "the explained features differ",
        "The baseline and the current data explain different features, so part of what drives the model cannot be "
        "compared.",
        "the features of the baseline's explanation",
        "Compare the model's version and its inputs' names with those of the baseline; if the new ones are right, "
        "make a new baseline.",
    ),
    CheckWords(
        "feature_attribution_drift_check",
        "Order of features lost",
        "ranks its features differently",
        "rank their features differently",
        "the order of the most important features is lost",
        "The features that drive the model most are no longer those of the baseline: their order, scored by NDCG, fell "
        "below 0.9 of 1.",
        "the order and size of the attributions in the baseline",
        "Look at which features rose and fell, and whether their data drifted too. If it did not, compare the model's "
        "version and its preprocessing with those of the baseline.",
    ),
    CheckWords(
        "feature_attribution_change_check",
        "Attribution moved",
        "drives the model more or less than before",
        "drive the model more or less than before",
        "features drive the model more or less than before",
        "A feature's share in what drives the model changed by more than chance explains.",
        "the attribution of the same feature in the baseline",
        "Look at the feature's data: if it drifted, check its source; if it did not, look at the model, at "
        "preprocessing, and at features that go together with it.",
    ),
    CheckWords(
        "unreadable_records_check",
        "Unreadable records",
        "has unreadable records",
        "have unreadable records",
        "some records could not be read",
        "Some records could not be read. They were set aside and counted; every other record was judged without them.",
        "the format the data was said to have",
        "Look at the first places under “Records set aside”, and correct the writer or the format that is given.",
    ),
    CheckWords(
        "range_check",
        "Out of range",
        "leaves its known range",
        "leave their known range",
        "columns leave their known range",
        "Some numbers are smaller or larger than everything the baseline allows.",
        "the range of the same column in the baseline",
        "Look at the extreme values. Impossible ones point to a fault of the source; possible ones call for a "
        "wider range.",
    ),
    CheckWords(
        "categorical_values_check",
        "New values",
        "holds values the baseline never had",
        "hold values the baseline never had",
        "columns hold values the baseline never had",
        "Too many cells hold a category that the baseline does not know.",
        "the categories listed in the baseline's constraints",
        "Check the new values for spelling, case and encoding. If they are right, add them to the constraints' "
        "domains and make sure that the model can deal with them.",
    ),
    CheckWords(
        "completeness_check",
        "More missing values",
        "has more missing values",
        "have more missing values",
        "columns have more missing values",
        "Fewer cells hold a value than the baseline requires.",
        "the completeness of the same column in the baseline",
        "Find out since when and for which records the value is missing, and how the model treats it.",
    ),
    CheckWords(
        "constant_column_check",
        "Stuck at one value",
        "is stuck at one value",
        "are stuck at one value",
        "columns are stuck at one value",
        "Every cell holds the same value, although the baseline saw several.",
        "the variety of values in the baseline",
        "Look for a default that replaces the real value, a stuck sensor, or a filter that lets only one group "
        "through.",
    ),
    CheckWords(
        "non_finite_check",
        "NaN or infinite",
        "holds NaN or infinite numbers",
        "hold NaN or infinite numbers",
        "columns hold NaN or infinite numbers",
        "Some cells hold NaN or an infinity instead of a number. They are left out of mean, range and distribution.",
        "a baseline of finite numbers",
        "Look for a division by zero, a logarithm of zero or an overflow where the column is computed.",
    ),
    CheckWords(
        "duplicate_id_check",
        "Repeated ids",
        "repeats ids",
        "repeat ids",
        "inference ids repeat",
        "Some records carry an id that an earlier record already carried, so they may be counted twice.",
        "one record for each id",
        "Look for retries that are captured twice or files that are delivered twice.",
    ),
    CheckWords(
        "extra_column_check",
        "New column",
        "is new",
        "are new",
        "there are new columns",
        "The current data has a column that the baseline does not know. All other columns were judged as usual.",
        "the columns of the baseline",
        "If the column is wanted, make a new baseline that includes it; if not, drop it where the data is produced.",
    ),
)

DRIFT_CHECK = "baseline_drift_check"
THRESHOLD_CHECKS = frozenset({"LessThanThreshold", "GreaterThanThreshold"})
FIGURE_CHECKS = THRESHOLD_CHECKS | {
    "bias_drift_check",
    "feature_attribution_drift_check",
    "feature_attribution_change_check",
}
"""Checks that judge a figure of the report: where the figure is told of, they need no words of their own."""
_BY_TYPE = {check.type: (rank, check) for rank, check in enumerate(CHECKS)}


def check_words(check_type: str) -> CheckWords:
    """The words for a check type; for an unknown one, a record that shows its raw name."""
    if check_type in _BY_TYPE:
        return _BY_TYPE[check_type][1]
    name = shortened(check_type, 60)
    return CheckWords(
        check_type,
        name,
        f"fails {name}",
        f"fail {name}",
        f"{name} failed",
        "A check that this page has no words for has failed; its own description says what it saw.",
        "the baseline and its constraints",
        "Read the description, and look the check up in the documentation of the monitor that ran it.",
    )


def is_known(check_type: str) -> bool:
    """Whether this module has words for that very check type."""
    return check_type in _BY_TYPE


def importance(check_type: str) -> int:
    """Rank of a check type, 0 the most important. Unknown types come with drift: early enough to be seen."""
    return _BY_TYPE.get(check_type, _BY_TYPE[DRIFT_CHECK])[0]


@dataclass(frozen=True, slots=True)
class FigureWords:
    """One of the figures a report opens with: its name, a short line for beside it, and its exact definition."""

    name: str
    line: str
    definition: str


DATA_QUALITY = FigureWords(
    "Data quality score",
    "Share of checks that passed, drift aside. 100% is best.",
    "The number of evaluated checks that passed, divided by the number of checks evaluated; drift checks are not "
    "counted here. Empty when no check could run.",
)
DRIFT = FigureWords(
    "Drift score",
    "Share of compared columns that drifted. 0% is best.",
    "The number of columns whose distribution drifted, divided by the number of columns that could be compared "
    "with the baseline. Columns with too little data are not counted. Empty when no column could be compared.",
)
MISSING_VALUES = FigureWords(
    "Missing value rate",
    "Share of expected cells without a value. 0% is best.",
    "The number of cells that the baseline's columns should have in the current data but that hold no value, divided "
    "by current records times baseline columns. A missing column counts as empty in every record; a new column does "
    "not count. Empty when there are no records.",
)
VIOLATIONS = FigureWords(
    "Violations",
    "Number of broken constraints, drift included. 0 is best.",
    "The number of constraints that the current data breaks, drift included. One column can break several.",
)
FIGURES = (DATA_QUALITY, DRIFT, MISSING_VALUES, VIOLATIONS)

JUDGED = FigureWords(
    "Figures judged",
    "Figures for which a verdict was possible.",
    "The number of figures that were either kept within their rule or violated it. The rest had no rule, or too little "
    "data to tell.",
)
NOT_ENOUGH_DATA = FigureWords(
    "Not enough data",
    "Figures that could not be judged. 0 is best.",
    "The number of figures that have a rule but too little data to tell whether it was kept: too few records, or no "
    "value at all. That is neither good nor bad.",
)
RECORDS = FigureWords(
    "Records",
    "Records that the figures rest on.",
    "The number of current records that the monitor could use. For figures that need a true label, only records with "
    "one count.",
)
MODEL_FIGURES = (JUDGED, NOT_ENOUGH_DATA, RECORDS)
"""Stand in, in this order, for figures of the four that a monitor of models has nothing to say about."""
