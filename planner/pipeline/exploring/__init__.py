"""The document asked again with something changed: ways out, worth, flips, fronts."""
