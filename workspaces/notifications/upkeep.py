"""What is done for notifications without anybody asking: due tries, lost tasks, retention."""

from __future__ import annotations

import datetime as dt

from workspaces.notifications import sending

_AT_ONCE = 500


def turn(now: dt.datetime) -> None:
    """Queue what is due, and remove what is old; called at each beat of the worker."""
    sending.send_due()
    sending.remove_old(at_most=_AT_ONCE)
