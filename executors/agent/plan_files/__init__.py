"""Files created by a plan, carried to its apply."""
