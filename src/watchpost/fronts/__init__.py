"""Doors to the outside: the command line."""
