"""Connections to providers of git, as their records say: where each is, and which sources are there."""
