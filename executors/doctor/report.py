"""What the doctor found: rows of a table, each with what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext_noop as _


class State(enum.StrEnum):
    """How one thing stands. ``optional`` is missed, but everything works without it."""

    PASS = _("pass")
    FAIL = _("fail")
    OPTIONAL = _("optional")
    UNKNOWN = _("not known")
    UNUSED = _("not used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row: the subject and what was looked at, how it stands, what was seen, and how to mend it."""

    subject: str
    name: str
    state: State
    detail: str = ""
    fix: str = ""

    def as_row(self) -> dict[str, str]:
        return {key: str(value) for key, value in asdict(self).items()}


def from_row(row: Mapping[str, str]) -> Finding:
    """A row as it was kept."""
    return Finding(**{**row, "state": State(row["state"])})  # type: ignore[arg-type]


def passed(subject: str, name: str, detail: str = "") -> Finding:
    return Finding(subject=subject, name=name, state=State.PASS, detail=detail)


def failed(subject: str, name: str, detail: str, fix: str) -> Finding:
    return Finding(subject=subject, name=name, state=State.FAIL, detail=detail, fix=fix)


def not_known(subject: str, name: str, detail: str, fix: str = "") -> Finding:
    return Finding(subject=subject, name=name, state=State.UNKNOWN, detail=detail, fix=fix)


def not_used(subject: str, name: str, detail: str) -> Finding:
    return Finding(subject=subject, name=name, state=State.UNUSED, detail=detail)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed; what is not known or only optional does not count."""
    return all(finding.state is not State.FAIL for finding in findings)


def as_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings for a program."""
    return {"healthy": is_healthy(findings), "findings": [finding.as_row() for finding in findings]}


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as a table for a terminal."""
    width = max((len(f"{one.subject}: {one.name}") for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.state.upper():9} {f'{one.subject}: {one.name}':{width}}  {one.detail}".rstrip())
        lines += [f"{'':9} {line}" for line in (f"Fix: {one.fix}" if one.fix else "").splitlines()]
    return "\n".join(lines)
