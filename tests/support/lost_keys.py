"""Stored values whose encryption key was lost."""

from __future__ import annotations

from typing import Any

from django.db import connection, models


def lose_key(record: models.Model, *names: str) -> Any:
    """Store what no key decrypts in these fields of a record, and return it as it is read then."""
    for name in names:
        # A binary column takes it as bytes.
        binary = isinstance(record._meta.get_field(name), models.BinaryField)
        lost: Any = b"of another key" if binary else "of another key"
        key = record._meta.pk
        assert key is not None
        where = f'WHERE "{key.column}" = %s'
        value = key.get_db_prep_value(record.pk, connection)
        with connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{record._meta.db_table}" SET "{name}" = %s {where}', [lost, value])  # noqa: S608
            assert cursor.rowcount == 1
    return type(record)._default_manager.get(pk=record.pk)
