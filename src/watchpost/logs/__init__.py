"""Logs: filter patterns, metric filters, embedded metrics and Insights queries over log events. Pure functions."""
