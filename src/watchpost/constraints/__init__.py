"""What a table has to satisfy: suggested from a baseline, kept in `constraints.json`, checked on every window.

document.py            Constraints and their parts; what holds where the file is silent
constraints_json.py    the file, read and written without loss
suggest.py             a baseline's statistics -> constraints
baseline.py            statistics and constraints that belong together, as a folder of two files
check.py               all checks -> CheckOutcome
violations_json.py     the file `constraint_violations.json`
finding.py             what a check sees and what it answers
sampling.py            how likely an excess is by chance

The original's checks: data_type.py, completeness.py, categorical_values.py, columns.py (counts).
Ours: columns.py (names, renamed), table.py (rows, records, ids), all_null.py, constant_column.py, non_finite.py,
value_range.py, unit_change.py.
"""

from watchpost.constraints.check import CheckOutcome, check_constraints
from watchpost.constraints.constraints_json import parse_constraints, write_constraints
from watchpost.constraints.document import (
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    Override,
    Rules,
)
from watchpost.constraints.suggest import suggest_constraints

__all__ = [
    "CheckOutcome",
    "Constraints",
    "DistributionConstraints",
    "FeatureConstraints",
    "MonitoringConfig",
    "Override",
    "Rules",
    "check_constraints",
    "parse_constraints",
    "suggest_constraints",
    "write_constraints",
]
