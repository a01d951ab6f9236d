"""Findings of the doctor: rows of a table, each with a fix."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import as_json, from_json


class State(enum.StrEnum):
    """Result of one check. ``optional`` is missing, but everything works without it."""

    PASS = _("pass")
    FAIL = _("fail")
    OPTIONAL = _("optional")
    UNKNOWN = _("not known")
    UNUSED = _("not used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row: subject, check, result, observation, and fix."""

    subject: str
    name: str
    state: State
    detail: str = ""
    fix: str = ""

    def as_row(self) -> dict[str, str]:
        """Return the row in English, for a program."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def as_stored(self) -> dict[str, Any]:
        """Return the row as a run keeps it, for readers of any language."""
        return {name: as_json(text) for name, text in self.as_row().items()}


def restore_finding(row: Mapping[str, Any]) -> Finding:
    """Restore a stored row."""
    texts = {name: from_json(text) for name, text in row.items()}
    return Finding(**{**texts, "state": State(texts["state"])})  # type: ignore[arg-type]


def passed(subject: str, name: str, detail: str = "") -> Finding:
    return Finding(subject=subject, name=name, state=State.PASS, detail=detail)


def failed(subject: str, name: str, detail: str, fix: str) -> Finding:
    return Finding(subject=subject, name=name, state=State.FAIL, detail=detail, fix=fix)


def unknown(subject: str, name: str, detail: str, fix: str = "") -> Finding:
    return Finding(subject=subject, name=name, state=State.UNKNOWN, detail=detail, fix=fix)


def unused(subject: str, name: str, detail: str) -> Finding:
    return Finding(subject=subject, name=name, state=State.UNUSED, detail=detail)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Return True if nothing failed; unknown and optional results do not count."""
    return all(finding.state is not State.FAIL for finding in findings)


def as_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings for a program."""
    return {"healthy": is_healthy(findings), "findings": [finding.as_row() for finding in findings]}


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings as a table for a terminal."""
    width = max((len(f"{one.subject}: {one.name}") for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.state.upper():9} {f'{one.subject}: {one.name}':{width}}  {one.detail}".rstrip())
        lines += [f"{'':9} {line}" for line in (f"Fix: {one.fix}" if one.fix else "").splitlines()]
    return "\n".join(lines)
