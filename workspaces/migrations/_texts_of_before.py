"""Find the format and values of English sentences that were stored before they were kept beside them.

The formats are those of that version and stay as they are, like the migration that reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

REFUSED_STATES = (
    "The state is locked by {who} ({operation})",
    "The lineage {lineage} is not that of {name}, {known}: it is another state",
    "The serial {serial} is not above {known}, that of {name}",
    "the site did not answer until the step had ended; the state lay in the folder of its executor",
)
REFUSED_SCHEDULES = (
    "You may not {action} in {organization}: none of your teams there has the right {right}.",
    "The schedule runs with the rights of {person}, who is inactive, in no team or unknown. Save it to run it with "
    "your rights.",
)
TRIMMED = {
    "kept-one-day": "they are kept for 1 day",
    "kept-days": "they are kept for {number} days",
    "newest-kept": "those of the newest job of the workspace are kept",
    "newest-jobs-kept": "those of the {number} newest jobs of the workspace are kept",
}
NAMES = {
    "runlimits": ("Limits of {name}",),
    "reference": ("{workspace} uses {collection}",),
    "policyrule": ("{setting} in the installation", "{setting} in {organization}"),
    "workspacetag": ("{workspace} has {tag}",),
}
"""Of a model: the formats of its records' names."""
CHANGES = (
    "none",
    "version {number}, serial {serial}",
    "imported, serial {serial}",
    "recovered, serial {serial}",
    "recovered state made current, serial {serial}: {reason}",
    "discarded: {reason}",
    "given back: its executor is gone",
)


def values_of(format_text: str, text: str) -> dict[str, str] | None:
    """Return the values with which a format makes this very text; None if it does not."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(format_text))
    found = re.fullmatch(pattern, text, re.DOTALL)
    return None if found is None else found.groupdict()


def message_of(text: str, formats: Iterable[str]) -> dict[str, Any] | None:
    """Return a text as a stored message; None for one that none of the formats makes."""
    for one in formats:
        values = values_of(one, text)
        if values is not None:
            return {"format": one, "values": values}
    return None
