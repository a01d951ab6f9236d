"""Findings of preflight: a code with its words and its place, made into sentences when they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from executors.preflight.table import TABLE, Severity
from terrakube_site.messages import Message, as_json, from_json, message


@dataclass(frozen=True, slots=True)
class Finding:
    """What would meet a workspace. ``place`` is file:line, a variable, a template or a field; "" is the workspace."""

    code: str
    place: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        return TABLE[self.code].severity

    @property
    def sentence(self) -> Message:
        return message(TABLE[self.code].sentence, **self.words)

    @property
    def cure(self) -> Message:
        return message(TABLE[self.code].cure, **self.words)

    def as_document(self) -> dict[str, Any]:
        """Return the finding for a program."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "place": self.place,
            "sentence": str(self.sentence),
            "cure": str(self.cure),
        }

    def as_row(self) -> dict[str, Any]:
        """Return the finding as a record keeps it."""
        return {
            "code": self.code,
            "place": self.place,
            "words": {name: as_json(word) for name, word in self.words.items()},
        }


def finding(code: str, place: str = "", /, **words: object) -> Finding:
    """Return a finding. Raises KeyError for an unknown code or a word that is missing."""
    made = Finding(code, place, {name: word if isinstance(word, str) else str(word) for name, word in words.items()})
    made.sentence, made.cure  # noqa: B018 - a word that is missing shows here, not on a page
    return made


def restored(row: Mapping[str, Any]) -> Finding:
    """Return the finding of a stored row."""
    return Finding(row["code"], row["place"], {name: from_json(word) for name, word in row["words"].items()})


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one workspace, or of what belongs to a whole organization, with the gravest first."""

    organization: str
    workspace: str
    findings: Sequence[Finding]

    @property
    def name(self) -> str:
        return f"{self.organization}/{self.workspace}" if self.workspace else self.organization

    @property
    def has_errors(self) -> bool:
        return any(one.severity is Severity.ERROR for one in self.findings)

    def as_document(self) -> dict[str, Any]:
        """Return the report for a program."""
        return {
            "organization": self.organization,
            "workspace": self.workspace or None,
            "clean": not self.findings,
            "findings": [one.as_document() for one in self.findings],
        }

    def as_text(self) -> str:
        """Return the report for a terminal."""
        if not self.findings:
            return f"{self.name}: clean."
        lines = [f"{self.name}:"]
        for one in self.findings:
            place = f"{one.place}: " if one.place else ""
            lines += [f"  {one.severity.upper():8} {place}{one.sentence}", f"           {one.cure} [{one.code}]"]
        return "\n".join(lines)


def report(organization: str, workspace: str, findings: Iterable[Finding]) -> Report:
    """Return a report with its findings in order, each of them once."""
    order = list(Severity)
    found = {(one.code, one.place, str(one.sentence)): one for one in findings}
    ordered = sorted(found.values(), key=lambda one: (order.index(one.severity), one.place, one.code))
    return Report(organization, workspace, ordered)
