"""What git says when it fails, as one sentence's part."""

from __future__ import annotations

import re

NO_SUCH_REF = "couldn't find remote ref"
_MOST_CHARACTERS = 240
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_GENERAL = "Could not read from remote repository"
"""git says this after ssh has said why."""


def last_words_of_git(output: str) -> str:
    """Return why git failed, from the end of what it wrote: one line, no full stop; empty when unknown.

    ssh and servers (``remote:``) tell more than the ``fatal:`` that follows them.
    """
    lines = [line.strip() for line in re.split(r"[\r\n]+", output) if line.strip()]
    said = [
        line
        for line in lines
        if re.match(r"(fatal|error|remote|ssh|kex\w*):|.*Permission denied|Host key|Unable to neg", line)
    ]
    reasons = [line for line in said if _GENERAL not in line]
    if not reasons:
        return ""
    words = re.sub(r"^(fatal|error|remote): *", "", reasons[-1])
    return _CREDENTIALS.sub("", words)[:_MOST_CHARACTERS].rstrip(". ")
