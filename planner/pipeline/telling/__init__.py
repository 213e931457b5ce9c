"""From a solution to the plan document: predictions, bill, evidence, warnings."""
