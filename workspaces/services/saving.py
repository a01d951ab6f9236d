"""Save a record that the models find valid; what they refuse becomes an InvalidInput."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from workspaces.errors import InvalidInput


def invalid_input(error: ValidationError) -> InvalidInput:
    """The service's form of a model's ValidationError: every field with its sentence."""
    if not hasattr(error, "error_dict"):
        return InvalidInput(" ".join(error.messages))
    fields = {name: " ".join(messages) for name, messages in error.message_dict.items()}
    whole = fields.pop(NON_FIELD_ERRORS, "")
    sentences = [whole] if whole else []
    sentences += [f"{name}: {text}" for name, text in fields.items()]
    return InvalidInput(" ".join(sentences), fields=fields)


def save_valid[M: models.Model](record: M, *, update_fields: Iterable[str] | None = None) -> M:
    """Check a whole record as the admin does and save it. Raises InvalidInput, saving nothing."""
    try:
        record.full_clean()
    except ValidationError as error:
        raise invalid_input(error) from error
    record.save(update_fields=update_fields)
    return record
