"""What the planner reasons about: frozen records in SI units, no I/O."""
