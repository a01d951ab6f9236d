"""Re-encrypt all encrypted data in the database with the installation's first key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Cast

from workspaces.encryption import EncryptedBinaryField, EncryptedTextField, cipher

TEXT_ROWS = 200
# A state may have many megabytes, and a batch is held in memory.
BINARY_ROWS = 5


@dataclass(frozen=True, slots=True)
class Column:
    """One encrypted field of one model."""

    model: type[models.Model]
    name: str
    binary: bool

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"

    @property
    def kind(self) -> models.Field[Any, Any]:
        """Return the field as the database stores it, without decryption."""
        return models.BinaryField() if self.binary else models.TextField()

    def rows(self) -> models.QuerySet[Any]:
        """Return the rows that hold a value."""
        filled = self.model._base_manager.filter(**{f"{self.name}__isnull": False})
        found: models.QuerySet[Any] = filled.annotate(encrypted=Cast(F(self.name), self.kind))
        return found if self.binary else found.exclude(encrypted="")


@dataclass(slots=True)
class Progress:
    """Progress of one column; ``unreadable`` lists the keys of rows that none of the installation's keys decrypts."""

    column: Column
    total: int
    seen: int = 0
    changed: int = 0
    unreadable: list[Any] | None = None


def columns() -> list[Column]:
    """Return every encrypted field, so that a new one is never left out."""
    return [
        Column(model, field.name, isinstance(field, EncryptedBinaryField))
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField | EncryptedBinaryField)
    ]


def _under_first_key(encrypted: bytes) -> bool:
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(encrypted)
    except InvalidToken:
        return False
    return True


def rotate(column: Column, *, dry_run: bool = False) -> Iterator[Progress]:
    """Re-encrypt a column's rows in batches, and yield the progress after each.

    Rows already under the first key are skipped, so an interrupted run continues. Each batch is a transaction that
    locks only its own rows; ``dry_run`` only counts.
    """
    progress = Progress(column, column.rows().count(), unreadable=[])
    size = BINARY_ROWS if column.binary else TEXT_ROWS
    last: Any = None
    while True:
        with transaction.atomic():
            rows = column.rows().order_by("pk")
            batch = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", flat=True)[:size])
            for pk in batch:
                _rotate_row(column, pk, progress, dry_run=dry_run)
        yield progress
        if len(batch) < size:
            return
        last = batch[-1]


def _rotate_row(column: Column, pk: Any, progress: Progress, *, dry_run: bool) -> None:
    # The lock keeps a value saved meanwhile from being overwritten with the one read here.
    own = column.model._base_manager.filter(pk=pk).select_for_update(of=("self",))
    found = own.annotate(encrypted=Cast(F(column.name), column.kind)).values_list("encrypted", flat=True).first()
    if not found:
        return
    progress.seen += 1
    encrypted = found.encode() if isinstance(found, str) else bytes(found)
    if _under_first_key(encrypted):
        return
    try:
        encrypted_again = cipher().rotate(encrypted)
    except InvalidToken:
        if progress.unreadable is not None:
            progress.unreadable.append(pk)
        return
    progress.changed += 1
    if not dry_run:
        value = Value(encrypted_again if column.binary else encrypted_again.decode(), output_field=column.kind)
        column.model._base_manager.filter(pk=pk).update(**{column.name: value})
