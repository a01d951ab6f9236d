"""Whether the watcher was there all the while, and its database is still the one that it wrote to."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from executors.health import heartbeats
from executors.models import Attempt, Beat
from executors.watching.witness import Witness

pytestmark = pytest.mark.django_db


def launched(seconds: float) -> Attempt:
    """An attempt that was launched so many seconds from now."""
    return Attempt(launched_at=timezone.now() + dt.timedelta(seconds=seconds))


def test_a_watcher_has_seen_what_was_launched_since_it_is_the_active_one() -> None:
    witness = Witness()
    assert not witness.has_seen(launched(60))
    witness.begin()
    witness.beat()
    assert witness.has_seen(launched(60))
    assert not witness.has_seen(launched(-60))
    assert not witness.has_seen(Attempt(launched_at=None))


def test_a_database_that_was_put_back_is_noticed_and_nothing_before_counts() -> None:
    witness = Witness()
    witness.begin()
    witness.beat()
    early = launched(0)
    assert witness.has_seen(early)
    Beat.objects.filter(name=heartbeats.WATCHER).update(at=timezone.now() - dt.timedelta(hours=1))
    assert not witness.has_seen(early)
    # From the next beat on it is a witness again, of what is launched from now on.
    witness.beat()
    assert not witness.has_seen(early)
    assert witness.has_seen(launched(60))
