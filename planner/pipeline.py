"""spec → candidates → capacities → plan; takes ports as arguments."""
