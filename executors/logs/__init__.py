"""Logs of steps: store them, stream them, make them safe to read."""
