"""The one comment of a pull request that touches many workspaces, instead of a comment for each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vcs.providers.base import State
from vcs.reports.comments import ICONS, marker
from vcs.reports.dialects import Dialect
from vcs.reports.markdown import code, link, shortened
from vcs.reports.states import combined, counted

KEY = "summary"
_LONGEST_WORDS = 200
_BAD = frozenset({State.ERROR, State.FAILURE, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A workspace's newest job of the pull request: how it stands, in words, and how many resources it destroys."""

    workspace: str
    state: State
    words: str
    destroys: int = 0
    url: str = ""
    commit: str = ""
    locked: bool = False


def summary_of(rows: Iterable[Row], *, commit: str, url: str, dialect: Dialect, commands: bool = True) -> str:
    """Return the text, what failed or destroys first; it fits into what the provider takes.

    ``commit`` is the pull request's newest, ``url`` its page, which has the rows that are left out.
    """
    found = sorted(rows, key=_order)
    states = {row.workspace: row.state for row in found}
    icon = ICONS[combined(states).state]
    head = f"{marker(KEY, dialect=dialect)}\n### {icon} {counted(states.values())}"
    line = " · ".join([link("Pull request", url), *([f"commit {code(commit[:10])}"] if commit else [])])
    parts = [head, line]
    destroying = sum(row.destroys > 0 for row in found)
    if destroying:
        parts.append(f"**{destroying} of them destroy resources.**")
    footer = (
        "To plan again: `terrakube plan WORKSPACE`; to apply a plan: `terrakube apply WORKSPACE`." if commands else ""
    )
    room = dialect.room - sum(len(part) + 2 for part in (*parts, footer))
    parts.append(_table(found, commit, url, room))
    return "\n\n".join(part for part in (*parts, footer) if part) + "\n"


def _order(row: Row) -> tuple[bool, bool, str]:
    return row.state not in _BAD, not row.destroys, row.workspace


def _table(rows: Sequence[Row], commit: str, url: str, room: int) -> str:
    lines = ["| | workspace | result |", "| --- | --- | --- |"]
    # Room for the line that says how many are left out.
    left = room - sum(len(line) + 1 for line in lines) - len(url) - 60
    for number, row in enumerate(rows):
        line = _line(row, commit)
        left -= len(line) + 1
        if left < 0:
            lines.append(f"| | {link(f'and {len(rows) - number} more', url)} | |")
            break
        lines.append(line)
    return "\n".join(lines)


def _line(row: Row, commit: str) -> str:
    words = shortened(row.words, _LONGEST_WORDS)
    # Only what has ended well is in our own words; a reason may quote terraform or a person.
    said = words if row.state is State.SUCCESS else code(words, in_table=True)
    if row.destroys:
        said = f"**{said}**"
    older = f" (commit {code(row.commit[:10])})" if row.commit and row.commit != commit else ""
    lock = " \N{LOCK}" if row.locked else ""
    return f"| {ICONS[row.state]} | {link(code(row.workspace, in_table=True), row.url)}{lock} | {said}{older} |"
