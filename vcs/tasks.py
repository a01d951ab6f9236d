"""Tasks of the background queue: short, called by id, safe to run twice."""
