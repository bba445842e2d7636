"""The half of each comparison that runs with the peer's own packages, in its own environment."""
