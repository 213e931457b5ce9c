"""What a measurement would be worth before it is made, and which ones to make."""
