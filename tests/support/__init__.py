"""Documents and records that several tests start from."""
