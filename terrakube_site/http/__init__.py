"""Applies to every request: its size, its origin, its id, and the format of errors."""
