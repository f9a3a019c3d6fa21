"""Monitors: a baseline and new data in, a Report out."""
