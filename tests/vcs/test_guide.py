"""docs/vcs.md against what is tried: the fake providers let the site in with the permissions that it names."""

from __future__ import annotations

import re
from pathlib import Path

from tests.vcs.provider.gitea.dialect import SCOPES
from tests.vcs.provider.github.app import GRANTED

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "vcs.md").read_text(encoding="utf-8")


def rows_below(head: str) -> dict[str, str]:
    """Return the first two columns of the table whose first head is given."""
    _, _, rest = GUIDE.partition(f"| {head} | ")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", rest.split("\n\n", 1)[0], re.MULTILINE)
    return {name.strip(): level.strip() for name, level in rows if not name.startswith("---")}


def test_the_permissions_of_the_guide_are_those_that_suffice() -> None:
    assert rows_below("GitHub App permission") == GRANTED
    assert rows_below("Gitea token scope") == SCOPES
