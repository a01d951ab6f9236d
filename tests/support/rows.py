"""All that a table holds, to compare what is there before and after."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection, models


def all_rows(model: type[models.Model]) -> list[tuple[Any, ...]]:
    """Every row of a model in the order of their keys, as the database gives it: only to be compared with others."""
    with connection.cursor() as cursor:
        cursor.execute(*_statement(model))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@cache
def _statement(model: type[models.Model]) -> tuple[str, tuple[Any, ...]]:
    """Written once, since writing the statement takes ten times as long as asking it of so few rows."""
    return model._default_manager.order_by("pk").values_list().query.sql_with_params()
