"""List stored texts that a new record could not have any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.db import models

from terrakube_site.commands import PagelessCommand
from workspaces.models import GlobalVariable, Item, Organization, Variable, Workspace
from workspaces.services.records import organization_of, workspace_of


class Command(PagelessCommand):
    help = (
        "List organizations, workspaces and variables whose stored name, source, branch, folder or version would be "
        "refused today. They keep working; each line says what to change."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for record, sentences in _refused():
            for field, sentence in sentences.items():
                count += 1
                self.stdout.write(f"{_place(record)}: {label_for_field(field, type(record))}: {sentence}")
        if not count:
            self.stdout.write("All that is stored could be saved today.")


def _refused() -> Iterator[tuple[models.Model, dict[str, str]]]:
    records = (
        Organization.objects.filter(disabled=False),
        Workspace.objects.filter(deleted=False).select_related("organization"),
        Variable.objects.defer("value").select_related("workspace__organization"),
        GlobalVariable.objects.defer("value").select_related("organization"),
        Item.objects.defer("value").select_related("collection__organization"),
    )
    for queryset in records:
        for record in queryset.iterator(chunk_size=1000):
            if sentences := record.refused_texts():
                yield record, dict(sentences)


def _place(record: models.Model) -> str:
    """Name a record by all that it lies in: ORGANIZATION/WORKSPACE, variable KEY."""
    parts = [str(organization_of(record))]
    workspace = workspace_of(record)
    if workspace is not None:
        parts.append(str(workspace))
    elif isinstance(record, Item):
        parts.append(str(record.collection))
    name = "/".join(parts)
    return name if record in (workspace, organization_of(record)) else f"{name}, variable {record}"
