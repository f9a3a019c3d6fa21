"""Distances and tests between two distributions: one file each, found by its name."""
