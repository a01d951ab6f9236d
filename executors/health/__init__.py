"""Health of the site and its processes."""
