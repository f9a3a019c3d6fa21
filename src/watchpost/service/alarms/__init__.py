"""Alarms: what changes them, what evaluates them on time, and what a transition causes."""
