"""Where a user removes the cause of a failure: the tab of the workspace that a failed step's advice is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from workspaces.models import Job, Step


@dataclass(frozen=True, slots=True)
class Remedy:
    """A link: its words, and the address of the tab."""

    words: str
    address: str


_TABS: Mapping[str, tuple[str, Any]] = {
    **dict.fromkeys(("policy", "bad-settings"), ("pods", _("Change the settings of its pods"))),
    **dict.fromkeys(("incomplete-variables", "bad-variables"), ("variables", _("Change its variables"))),
    "source-failed": ("source", _("Change its source")),
    "tool-missing": ("settings", _("Change its tool")),
}
"""The name of the tab and the words of the link, by the code of a step's reason."""


def remedy_for(step: Step, job: Job) -> Remedy | None:
    """Return where the cause of a failed step is removed; None if no tab of the workspace is about it."""
    tab, words = _TABS.get(step.reason_code, ("", ""))
    if not tab:
        return None
    return Remedy(str(words), reverse(f"admin:workspaces_workspace_{tab}", args=[job.workspace_id]))
