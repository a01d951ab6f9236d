"""Warm pods: started before a step needs them, each used once."""
