"""spec → candidates → capacities → plan; takes ports and facts as arguments."""
