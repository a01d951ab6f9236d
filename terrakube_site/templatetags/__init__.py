"""Template tags of the panel's frame."""
