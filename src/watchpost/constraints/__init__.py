"""Suggest constraints from a baseline, and check new data against them."""
