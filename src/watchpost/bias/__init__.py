"""Bias: pre- and post-training metrics between groups of people."""
