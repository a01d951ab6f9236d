"""Lists of an API, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.vcs.provider.calls import Call, Reply, Wrong


def page_of(items: Sequence[Any], call: Call, address: str, *, size: str, default: int, most: int) -> Reply:
    """Answer the page of a list that a call asks for; ``size`` is the name of the parameter for how many."""
    per_page, page = _number(call, size, default), _number(call, "page", 1)
    if per_page > most:
        raise Wrong(422, f"{size} is {per_page}, more than {most}")
    shown = items[(page - 1) * per_page : page * per_page]
    headers = {"X-Total-Count": str(len(items))}
    if page * per_page < len(items):
        query = urlencode({**call.query, "page": str(page + 1)})
        headers["Link"] = f'<{address}{call.path}?{query}>; rel="next"'
    return Reply(200, list(shown), headers)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal() or text == "0":
        raise Wrong(422, f"{name} is {text!r}")
    return int(text)
