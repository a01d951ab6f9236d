"""GitHub's lists: 30 a page, 100 at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vcs.provider.calls import Call, Reply
from tests.vcs.provider.paging import page_of
from tests.vcs.provider.provider import Provider


def listed(provider: Provider, call: Call, items: Sequence[Any]) -> Reply:
    """Answer the page of a list that a call asks for."""
    return page_of(items, call, provider.url, size="per_page", default=30, most=100)
