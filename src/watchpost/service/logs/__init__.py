"""Logs: taken in with their metrics, read, filtered and queried."""
