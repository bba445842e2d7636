"""Real processes on a real store: what they run, what they did, and what must be true of it."""
