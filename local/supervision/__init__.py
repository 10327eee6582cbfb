"""Keeping processes alive: what runs, in which order of need, and how to ask about it."""
