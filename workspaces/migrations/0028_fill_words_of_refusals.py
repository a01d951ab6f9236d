"""Find format and values of refusals, of removed logs and of the history; what has none of the formats stays as it is."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import migrations
from django.db.models import QuerySet

from workspaces.migrations import _texts_of_before as before

BATCH = 1000


def _fill(rows: QuerySet[Any], text: str, words: str, found: Callable[[str], dict[str, Any] | None]) -> None:
    """Fill a column of words from one of texts, some rows at a time."""
    rows = rows.order_by("pk")
    batch = list(rows.only("pk", text, words)[:BATCH])
    while batch:
        for row in batch:
            setattr(row, words, found(getattr(row, text)))
        rows.model._base_manager.using(rows.db).bulk_update(
            [row for row in batch if getattr(row, words) is not None], [words], batch_size=200
        )
        batch = list(rows.filter(pk__gt=batch[-1].pk).only("pk", text, words)[:BATCH])


def _told(formats: tuple[str, ...]) -> Callable[[str], dict[str, Any] | None]:
    def words(text: str) -> dict[str, Any] | None:
        message = before.message_of(text, formats)
        return None if message is None else {"form": "told", "text": message}

    return words


def _trimmed(text: str) -> dict[str, Any] | None:
    for form, wanted in before.TRIMMED.items():
        values = before.values_of(wanted, text)
        if values is not None:
            return {"form": form, **values}
    return None


def fill_words(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias

    def rows(label: str, name: str) -> QuerySet[Any]:
        found: QuerySet[Any] = apps.get_model(label, name)._base_manager.using(alias).all()
        return found

    refused = rows("workspaces", "Schedule").exclude(refusal="").filter(refusal_words__isnull=True)
    _fill(refused, "refusal", "refusal_words", _told(before.REFUSED_SCHEDULES))
    recovered = rows("workspaces", "RecoveredState").filter(why_words__isnull=True)
    _fill(recovered, "why", "why_words", _told(before.REFUSED_STATES))
    trimmed = rows("workspaces", "Job").exclude(trimmed_why="").filter(trimmed_words__isnull=True)
    _fill(trimmed, "trimmed_why", "trimmed_words", _trimmed)
    entries = rows("auditlog", "LogEntry").filter(additional_data__isnull=True, content_type__app_label="workspaces")
    for model, formats in before.NAMES.items():
        _fill(
            entries.filter(content_type__model=model),
            "object_repr",
            "additional_data",
            partial(_kept_name, formats),
        )
    _fill(entries.filter(content_type__model="workspace"), "changes", "additional_data", _changes)


def _wrapped(name: str, found: Any) -> dict[str, Any] | None:
    return {name: found} if found else None


def _kept_name(formats: tuple[str, ...], text: str) -> dict[str, Any] | None:
    return _wrapped("name", before.message_of(text, formats))


def _changes(changes: Any) -> dict[str, Any] | None:
    found = {
        name: [before.message_of(text, before.CHANGES) or text for text in texts]
        for name, texts in (changes or {}).items()
        if name in ("state", "recovered state", "state lock") and isinstance(texts, list)
    }
    return _wrapped("changes", found)


class Migration(migrations.Migration):
    # One transaction for each batch: the rows of all jobs are not locked at once.
    atomic = False
    dependencies = [("workspaces", "0027_words_of_refusals"), ("auditlog", "0017_add_actor_email")]

    operations = [migrations.RunPython(fill_words, migrations.RunPython.noop, elidable=True)]
