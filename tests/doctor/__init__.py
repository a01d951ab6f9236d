"""The doctor: what it finds at the site, and what in a real cluster."""
