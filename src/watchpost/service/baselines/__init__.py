"""Baselines by version, tied to the models they were made for."""
