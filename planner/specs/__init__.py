"""The documents a user writes and reads: checked once, then turned into domain."""
