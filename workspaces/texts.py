"""Texts from elsewhere, made to fit a column."""

from __future__ import annotations


def fitting(text: str, most: int) -> str:
    """At most so many characters of a text, without NUL, which PostgreSQL keeps in none.

    Sentences repeat what a variable, a cluster or an executor said, and an executor may say anything.
    """
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:most]
