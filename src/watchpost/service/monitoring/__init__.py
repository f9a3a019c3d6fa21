"""Monitoring: schedules, executions and processing jobs, each run exactly once."""
