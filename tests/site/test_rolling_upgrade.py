"""Processes of the version before write records while the new version's schema is there: during an upgrade, and after a
rollback, which leaves the schema as it is. They do not know the new columns, so the database fills them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, CreateModel
from django.db.models import Field

pytestmark = pytest.mark.django_db
BEFORE = {"executors": "0012", "vcs": "0009", "workspaces": "0052"}
"""The last migration of each app whose columns are not checked."""


def added_columns() -> Iterator[tuple[str, str]]:
    """Yield table and name of each column that a later migration adds to a table of an earlier one."""
    made_later = set()
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app not in BEFORE or name[:4] <= BEFORE[app]:
            continue
        for operation in migration.operations:
            if isinstance(operation, AddField):
                model = apps.get_model(app, operation.model_name)
                field = model._meta.get_field(operation.name)
                assert isinstance(field, Field)
                if field.column and (app, operation.model_name_lower) not in made_later:
                    yield model._meta.db_table, field.column
            elif isinstance(operation, CreateModel):
                made_later.add((app, operation.name_lower))


def test_the_database_fills_each_new_column_of_an_older_table() -> None:
    found = set(added_columns())
    assert ("executors_attempt", "cluster") in found
    unfilled = []
    with connection.cursor() as cursor:
        for table in sorted({table for table, _ in found}):
            for column in connection.introspection.get_table_description(cursor, table):
                if (table, column.name) in found and not column.null_ok and column.default is None:
                    unfilled.append(f"{table}.{column.name}")
    assert not unfilled, f"NOT NULL without db_default: {unfilled}"
