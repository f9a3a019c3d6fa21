"""Alarms: evaluate(alarm, datapoints, now) gives a state, never a side effect."""
