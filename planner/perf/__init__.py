"""Filled by its own modules."""
