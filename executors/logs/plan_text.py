"""The plan as terraform prints it: the part of a step's log that lists the changes."""

from __future__ import annotations

import re

from executors.logs.readable_text import readable_log

_BEGIN = re.compile(
    r"^(?:(?:Terraform|OpenTofu) used the selected providers|(?:Terraform|OpenTofu) will perform the following actions"
    r"|Changes to Outputs:|No changes\.|Note: Objects have changed outside of)",
    re.MULTILINE,
)
_RULE = "\u2500"
_END = re.compile(rf"^(?:{_RULE}{{10,}}|Saved the plan to:|(?:Terraform|OpenTofu) has compared)", re.MULTILINE)


def extract_plan(log: bytes) -> str:
    """Return the plan in the log of its step as plain text, "" if there is none.

    It reaches from the first line that begins a plan to the last that ends one: output of a script or of the
    configuration may repeat such lines and must not cut off the plan.
    """
    text = readable_log(log, final=True, colours=False).text
    begin = _BEGIN.search(text)
    if begin is None:
        return ""
    ends = [end.start() for end in _END.finditer(text, begin.end())]
    part = text[begin.start() : ends[-1] if ends else None]
    # The line that terraform draws before its closing words.
    return part.strip().strip(_RULE).strip() + "\n"
