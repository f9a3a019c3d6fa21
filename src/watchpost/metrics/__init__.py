"""Metrics: series, statistics over periods, metric math, SEARCH. Pure functions; the hour comes in as an argument."""
