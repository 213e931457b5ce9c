"""Builds the tables of `planner/reference/data` from a folder of gathered raw facts."""
