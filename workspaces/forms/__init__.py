"""The forms of the panel."""
