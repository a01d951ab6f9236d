"""Connections to the database, their limits and their transient errors."""
