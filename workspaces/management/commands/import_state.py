"""Import a Terraform state that was created elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from terrakube_site.commands import PagelessCommand
from workspaces.errors import ServiceError
from workspaces.models import Workspace
from workspaces.services.state import current_state, import_state


class Command(PagelessCommand):
    help = "Keep a state file, as `terraform state pull` gives it, as the newest state of a workspace."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", metavar="ORGANIZATION/WORKSPACE", help="the names of both")
        parser.add_argument("file", metavar="FILE", help="the state; - reads it from the standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        organization, _, name = options["workspace"].partition("/")
        workspace = Workspace.objects.alive().filter(organization__name=organization, name=name).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}: ORGANIZATION/WORKSPACE is expected.")
        before = current_state(workspace)
        try:
            version = import_state(workspace, _content(options["file"]), by=None)
        except ServiceError as error:
            raise CommandError(f"{str(error).rstrip('.')}. Nothing was changed.") from error
        if before is not None and before.pk == version.pk:
            self.stdout.write(f"{options['workspace']} has this state already: serial {version.serial}.")
        else:
            self.stdout.write(f"{options['workspace']} has the state of serial {version.serial} now.")


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
