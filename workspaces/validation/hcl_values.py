"""Check the value of a Terraform variable when it is saved."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from terrakube_site.terraform.hcl import check_expression


def hcl_refusal(key: str, value: str, *, hcl: bool) -> str:
    """Return why a Terraform variable cannot have this value, without quoting it; empty if it can."""
    if "\0" in value:
        return message(_("{key}: a Terraform variable cannot contain a NUL character."), key=key)
    fault = check_expression(value) if hcl else None
    if fault is None:
        return ""
    return message(
        _("{key}: invalid HCL expression at line {line}, column {column}: {what}."),
        key=key,
        line=fault.line,
        column=fault.column,
        what=fault.what,
    )
