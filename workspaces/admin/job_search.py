"""What the list of jobs finds by a text: a number, a workspace, a person, a comment or a commit."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from workspaces.models import Workspace

_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_FEW = 500
"""Up to so many jobs that were found are named in the queries for their count and their page."""


def with_text(jobs: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return the jobs with each word of a text, words in quotes taken as one; they may be asked for here."""
    words = [_unquoted(word) for word in smart_split(text)]
    if not words:
        return jobs
    found = reduce(lambda rows, word: rows.filter(_having(word)), words, jobs)
    # The database reads each job to find a few, and a list asks twice, for their number and for those of a page.
    keys = list(found.order_by().values_list("pk", flat=True)[: _FEW + 1])
    return found if len(keys) > _FEW else jobs.filter(pk__in=keys)


def _unquoted(word: str) -> str:
    return unescape_string_literal(word) if word[0] in "\"'" and word[0] == word[-1] else word


def _having(word: str) -> Q:
    # A word without letters, such as a number, is the same in capitals, and a fifth of the work to find.
    kind = "" if word.lower() == word.upper() else "i"
    workspaces = Workspace._base_manager.filter(**{f"name__{kind}contains": word})
    ways = [
        Q(**{f"created_by__{kind}contains": word}),
        Q(**{f"comments__{kind}contains": word}),
        Q(**{f"commit_id__{kind}exact": word}),
        # Each name is read once, not once for each job.
        Q(workspace__in=workspaces.values("pk")),
    ]
    if _NUMBER.fullmatch(word):
        ways.insert(0, Q(pk=int(word)))
    return reduce(or_, ways)
