"""Incidents as files: an attempt exported as a bundle, and a replay of what was decided about it."""
