"""Template tags and filters of the panel."""
