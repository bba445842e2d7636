"""Other libraries, side by side with this one in one run."""
