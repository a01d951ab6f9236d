"""Attempts at a step: their life, their tokens, what an executor reports, and the clean-up after them."""
