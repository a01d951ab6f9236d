"""The keyboard shortcuts of the panel, as ``?`` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """Keys and what they do; ``address`` is the name of the page's address where they lead to one, else empty.

    Keys of a page are pressed one after the other; "+" stands between those that are pressed together.
    """

    keys: Sequence[Any]
    does: Any
    address: str = ""

    @property
    def letter(self) -> str:
        """The last key, by which the script finds the page."""
        return str(self.keys[-1])


_CTRL = _("Ctrl")
SHORTCUTS = (
    Shortcut(keys=("/",), does=_("Search the panel")),
    Shortcut(keys=(_CTRL, "+", "K"), does=_("Search the panel")),
    Shortcut(keys=("g", "o"), does=_("Overview"), address="admin:index"),
    Shortcut(keys=("g", "j"), does=_("Jobs"), address="admin:workspaces_job_changelist"),
    Shortcut(keys=("g", "w"), does=_("Workspaces"), address="admin:workspaces_workspace_changelist"),
    Shortcut(keys=("g", "v"), does=_("Variables"), address="admin:workspaces_variable_changelist"),
    Shortcut(keys=("g", "s"), does=_("Schedules"), address="admin:workspaces_schedule_changelist"),
    Shortcut(keys=("[",), does=_("Show or hide the navigation")),
    Shortcut(keys=("f",), does=_("In a list: show or hide the filters")),
    Shortcut(keys=("c",), does=_("In a list: add a record")),
    Shortcut(keys=(_CTRL, "+", "E"), does=_("Light or dark")),
    Shortcut(keys=("?",), does=_("Show this list")),
    Shortcut(keys=(_("Esc"),), does=_("Close what is open")),
)
