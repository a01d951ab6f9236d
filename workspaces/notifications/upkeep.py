"""What is done for notifications without anybody asking: due tries, lost tasks, what is about to end, retention."""

from __future__ import annotations

import datetime as dt

from workspaces.notifications import endings, owners, sending

_AT_ONCE = 500
_ENDINGS_MINUTES = 10
"""Between two looks for what is about to end."""


def turn(now: dt.datetime) -> None:
    """Queue what is due, and remove what is old; called at each beat of the worker."""
    sending.send_due()
    if now.minute % _ENDINGS_MINUTES == 0:
        endings.note_endings(now)
        owners.note_own_tokens(now)
    owners.tell_due(now)
    sending.remove_old(at_most=_AT_ONCE)
