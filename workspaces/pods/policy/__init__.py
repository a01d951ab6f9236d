"""Policies: which values an installation and its organizations allow for the variables that shape pods."""
