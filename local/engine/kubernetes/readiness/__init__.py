"""When a kind of object is ready, and what keeps it from it."""
