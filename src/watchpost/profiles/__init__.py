"""Mergeable column states, and the statistics made from them.

| file | what |
|---|---|
| profile | `profile(dataset)`: one streaming pass; `Profile.merge` |
| column | the state of one column |
| classes | what a text cell looks like, and the type of a column |
| moments, kll, values, distinct | the parts of that state |
| cells, gap | two distributions on common cells, and how far apart they are |
| statistics, statistics_json | the plain summary, and the file `statistics.json` |
"""

from watchpost.profiles.profile import Profile, profile
from watchpost.profiles.statistics import Statistics

__all__ = ["Profile", "Statistics", "profile"]
