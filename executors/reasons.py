"""Why something waits or ended: one table of codes, each with its sentence for people and what to do about it.

The codes are stable and few: metrics have them as labels, and clients read them as ``reasonCode``. A sentence without
braces is said as it is; one whose words only the moment knows (a scheduler's, a registry's) gets them by name. An empty
sentence is that of whoever finds the reason, such as terraform's own error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from executors.reason_table import ROWS

OTHER = "executor-said"
"""Of an executor that reports a code which is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One code. ``may_retry`` False: another pod, made the same way, would end the same way."""

    code: str
    sentence: str
    advice: str = ""
    may_retry: bool = True


REASONS: Mapping[str, Reason] = {
    code: Reason(code=code, sentence=sentence, advice=advice, may_retry=not stays)
    for code, sentence, advice, stays in ROWS
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A reason with its words filled in."""

    code: str
    sentence: str
    advice: str = ""
    may_retry: bool = True

    @property
    def text(self) -> str:
        """The sentence and what to do."""
        return f"{self.sentence}. {self.advice}" if self.advice else self.sentence


def say(code: str, **words: object) -> Said:
    """The reason of a code with its words filled in. Raises KeyError for an unknown code or a word that is missing."""
    reason = REASONS[code]
    return Said(
        code=code,
        sentence=reason.sentence.format_map(words),
        advice=reason.advice.format_map(words),
        may_retry=reason.may_retry,
    )


def bounded(code: str) -> str:
    """A code of the table: an executor's own word for one, which may be anything, else ``OTHER``."""
    return code if code in REASONS or not code else OTHER


def advice_for(code: str, *, said: str = "") -> str:
    """What to do about a reason; empty where there is nothing to add to what was ``said``."""
    reason = REASONS.get(code)
    if reason is None or "{" in reason.advice or reason.advice.rstrip(".") in said:
        return ""
    return reason.advice


def as_markdown(codes: Iterable[str] = tuple(REASONS)) -> str:
    """The table for the documentation."""
    rows = ["| code | what it says | what to do |", "| --- | --- | --- |"]
    for code in codes:
        reason = REASONS[code]
        cells = (f"`{code}`", reason.sentence or "the words of who found it", reason.advice)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"
