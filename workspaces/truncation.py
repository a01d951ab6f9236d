"""Texts from elsewhere, made fit to be stored and read."""

from __future__ import annotations

from typing import Any

from django.db import models

from terrakube_site.visible import visible


def fitting(text: str, most: int) -> str:
    """Return at most so many characters of a text, in which nothing acts on a reader's screen.

    Sentences repeat what a variable, a cluster or an executor said, and an executor may say anything. NUL, which
    PostgreSQL keeps in no text, becomes a replacement character.
    """
    return visible(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))[:most]


class FittingField(models.CharField):  # type: ignore[type-arg]
    """A column for text that no person can be asked to shorten: it is made ``fitting`` whenever it is written.

    That holds for ``save``, ``bulk_create`` and ``update``, and for what a filter compares with. In the database it is
    a CharField like any other, so it needs no migration.
    """

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return fitting(text, self.max_length or 0) if isinstance(text, str) else text

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Let the record at hand have what is stored."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = self.get_prep_value(value)
            setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs
