"""What a variant gets wrong, counted on the user's own evaluation set."""
