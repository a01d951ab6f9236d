"""Checks of variables when they are saved."""
