"""Events: the envelope, the pattern language, rules, and what a target is given. Pure functions."""
