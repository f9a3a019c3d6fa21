"""Mergeable column states, and the statistics made from them."""
