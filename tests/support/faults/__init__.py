"""Real processes on a real Redis: what they run, what they did, and what must be true of it."""
