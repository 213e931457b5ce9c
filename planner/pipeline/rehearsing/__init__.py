"""Plans on simulated traffic: staged, tried, cut, replayed."""
