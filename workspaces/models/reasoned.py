"""Records that say why they wait or ended."""

from __future__ import annotations

from django.db import models

from workspaces.reasons import Reason, stored

REASON = ("reason_code", "reason_words", "reason")
"""The columns of a reason."""


class Reasoned(models.Model):
    """A record with a reason: its code, its words, and as ``reason`` the English sentence."""

    reason_code: str
    reason: str
    reason_words = models.JSONField(null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def why(self) -> Reason:
        return stored(self.reason_code, self.reason_words, self.reason)

    def keep(self, why: Reason) -> None:
        """Take a reason in its columns; saving is for the caller."""
        for name, value in why.columns.items():
            setattr(self, name, value)

    def says(self, why: Reason) -> bool:
        """Whether this is the reason that is kept."""
        kept = (self.reason_code, self.reason_words)
        return kept == (why.code, why.columns["reason_words"])
