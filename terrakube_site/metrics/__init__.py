"""What the site counts and measures of itself: the list of it, and the counts of one process until they are written."""
