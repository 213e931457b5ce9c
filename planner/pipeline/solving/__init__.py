"""Every solve of the pipeline: one question, or many that do not depend on each other."""
