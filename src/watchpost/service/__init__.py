"""Composition: the use cases of the server. Only here (and in fronts) the clock.

The environment and randomness are read.
"""
