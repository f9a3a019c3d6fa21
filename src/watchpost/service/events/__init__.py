"""Events: buses, rules, schedules and what their targets are given."""
