"""A Report, rendered for people."""
