"""How much each provider takes, and what its Markdown knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MARGIN = 512
"""Left free below a provider's limit: some count bytes of line ends, or what they add themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Limits in characters. ``html``: whether comments may have ``<details>`` and hidden comments of HTML."""

    comment_limit: int
    description_limit: int = 140
    name_limit: int = 255
    html: bool = True

    @property
    def room(self) -> int:
        """How long a comment is made at most; beyond 65,536 characters nobody reads one."""
        return min(self.comment_limit, 65_536) - _MARGIN


GITHUB = Dialect(comment_limit=65_536)
GITLAB = Dialect(comment_limit=1_000_000, description_limit=255)
# Bitbucket shows HTML as text, and refuses a key of a status of more than 40 characters.
BITBUCKET = Dialect(comment_limit=32_768, name_limit=40, html=False)
AZURE_DEVOPS = Dialect(comment_limit=150_000)
GITEA = Dialect(comment_limit=65_536)
BY_TYPE: Mapping[str, Dialect] = {
    "GITHUB": GITHUB,
    "GITLAB": GITLAB,
    "BITBUCKET": BITBUCKET,
    "AZURE_DEVOPS": AZURE_DEVOPS,
    "AZURE_SP_MI": AZURE_DEVOPS,
    "GITEA": GITEA,
}
"""By the type of a connection."""
