"""Cold starts of fresh processes."""
