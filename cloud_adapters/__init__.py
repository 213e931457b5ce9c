"""What providers charge and offer, asked of themselves; one folder a provider."""
