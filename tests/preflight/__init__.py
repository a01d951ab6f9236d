"""Preflight: each planted trap is found, a clean workspace has none, and Terrakube is read through its API."""
