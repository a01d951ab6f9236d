"""Validate and save a record; validation errors become InvalidInput or Duplicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, models
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.errors import Duplicate, InvalidInput, WrongState

_TAKEN = frozenset({"unique", "unique_together"})


def invalid_input(error: ValidationError) -> InvalidInput:
    """Turn a model's ValidationError into an InvalidInput, with one sentence per field."""
    if not hasattr(error, "error_dict"):
        return InvalidInput(" ".join(error.messages))
    fields = {name: " ".join(messages) for name, messages in error.message_dict.items()}
    whole = fields.pop(NON_FIELD_ERRORS, "")
    sentences = [whole] if whole else []
    sentences += [f"{name}: {text}" for name, text in fields.items()]
    return InvalidInput(" ".join(sentences), fields=fields)


def save_valid[M: models.Model](record: M, *, update_fields: Iterable[str] | None = None) -> M:
    """Validate a whole record as the admin does, and save it.

    ``update_fields`` are the columns to write, None for all; the time of the last change is written with them. Raises,
    saving nothing, InvalidInput, Duplicate when only its name or key is taken, and WrongState when it was deleted
    meanwhile.
    """
    errors = _errors(record)
    if errors:
        found = [error for field in errors.values() for error in field]
        if all(error.code in _TAKEN for error in found):
            raise Duplicate(_is_name_taken(record))
        raise invalid_input(ValidationError(dict(errors)))
    write_checked(record, update_fields=update_fields)
    return record


def write_checked(record: models.Model, *, update_fields: Iterable[str] | None = None) -> None:
    """Save a record that was checked, or is checked before the transaction ends; see `save_valid`."""
    try:
        record.save(update_fields=None if update_fields is None else {*update_fields, *_times_of_change(record)})
    except DatabaseError as error:
        # Django reports a missing row this way.
        if "did not affect any rows" not in str(error):
            raise
        gone = _("The {record} was deleted in the meantime.")
        raise WrongState(message(gone, record=record._meta.verbose_name_raw)) from error


def _times_of_change(record: models.Model) -> set[str]:
    """Return the columns that say when a record was last saved, also with the values that it had."""
    return {field.name for field in record._meta.concrete_fields if getattr(field, "auto_now", False)}


def _errors(record: models.Model) -> dict[str, list[ValidationError]]:
    """Return the errors of ``full_clean``, without a query for each foreign key that is already loaded."""
    known = {
        field.name
        for field in record._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.is_cached(record)
        and getattr(record, field.attname) is not None
    }
    errors: dict[str, list[ValidationError]] = {}
    checks: tuple[Callable[[], None], ...] = (lambda: record.clean_fields(exclude=known), record.clean)
    for check in checks:
        try:
            check()
        except ValidationError as error:
            error.update_error_dict(errors)
    compares: list[Callable[..., None]] = [record.validate_unique]
    if any(getattr(constraint, "condition", None) is None for constraint in record._meta.constraints):
        # Conditional constraints are about statuses, which no input holds; checking them costs three round trips.
        compares.append(record.validate_constraints)
    for compare in compares:
        try:
            # Loaded foreign keys are included only here: most names are unique within an organization.
            compare(exclude=set(errors) - {NON_FIELD_ERRORS})
        except ValidationError as error:
            error.update_error_dict(errors)
    return errors


def _is_name_taken(record: models.Model) -> str:
    kind = record._meta.verbose_name_raw
    for field, words in (("name", "named"), ("key", "with the key")):
        if hasattr(record, field):
            return f"A {kind} {words} {getattr(record, field)} already exists."
    return f"Such a {kind} already exists."
