"""Published architectures, rebuilt to be timed here: the link to published devices."""
