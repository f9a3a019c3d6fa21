"""Alarms: evaluate(alarm, datapoints, now) gives a state, never a side effect.

`records` what is kept; `requests` from what a caller sent to a record; `evaluation` the algorithm, one alarm at a time;
`evaluation_of_many` the same for arrays of alarms; `breaches` comparing with thresholds; `ticks` when and over which
periods; `reasons` the sentences; `rules` and `suppression` composite alarms; `mutes`; `business_hours`; `notification`
and `state_changes` what is told to people, topics and rules; `backtest` the past again.
"""
