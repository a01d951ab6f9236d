"""A plan in terraform's own words: the part of its step's log that says what would change."""

from __future__ import annotations

import re

ANSI = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BEGIN = re.compile(
    r"^(?:(?:Terraform|OpenTofu) used the selected providers|(?:Terraform|OpenTofu) will perform the following actions"
    r"|Changes to Outputs:|No changes\.|Note: Objects have changed outside of)",
    re.MULTILINE,
)
_END = re.compile(r"^(?:\u2500{10,}|Saved the plan to:|(?:Terraform|OpenTofu) has compared)", re.MULTILINE)


def plan_part(log: bytes) -> str:
    """The plan as the log of its step has it, without colours; empty when there is none in it."""
    text = ANSI.sub(b"", log).decode(errors="replace")
    begin = _BEGIN.search(text)
    if begin is None:
        return ""
    end = _END.search(text, begin.end())
    return text[begin.start() : end.start() if end else None].strip() + "\n"
