"""Tell what would meet a workspace, or a whole Terrakube installation, here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from executors.preflight.checks import preflight
from executors.preflight.findings import Report
from executors.preflight.terrakube import TOKEN_VARIABLE, Terrakube, TerrakubeError, migration
from terrakube_site.commands import PagelessCommand
from workspaces.models import Workspace


class Command(PagelessCommand):
    help = (
        "Without terraform, tell what would meet a workspace in its next job: source, state, versions, providers, "
        "variables, templates, pod and policy. Ends with 1 if something would end a job."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "workspace", nargs="?", metavar="ORGANIZATION/WORKSPACE", help="the names of both, or the id"
        )
        parser.add_argument(
            "--terrakube",
            metavar="URL",
            help=f"read all workspaces of the Terrakube at this address; {TOKEN_VARIABLE} has a token of it",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--mirror",
            metavar="FOLDER",
            type=Path,
            action="append",
            default=[],
            help="a copy of the folder of providers in the image or volume of the pods",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["workspace"]) == bool(options["terrakube"]):
            raise CommandError("Give a workspace, or --terrakube with an address.")
        if options["terrakube"]:
            reports = _migration(options["terrakube"])
        else:
            reports = iter([preflight(_workspace(options["workspace"]), mirrors=tuple(options["mirror"]))])
        found = []
        for one in reports:
            found.append(one)
            if not options["json"]:
                self.stdout.write(one.as_text())
        if options["json"]:
            self.stdout.write(json.dumps({"reports": [one.as_document() for one in found]}, indent=2))
        if any(one.has_errors for one in found):
            sys.exit(1)


def _migration(url: str) -> Iterator[Report]:
    """Report on a Terrakube. Raises CommandError."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise CommandError(f"Put a token of Terrakube into the environment variable {TOKEN_VARIABLE}.")
    try:
        yield from migration(Terrakube(url, token))
    except TerrakubeError as error:
        raise CommandError(f"Terrakube cannot be read: {error}.") from error


def _workspace(text: str) -> Workspace:
    """Return a workspace by its names or its id. Raises CommandError."""
    rows = Workspace.objects.alive().select_related("organization", "vcs", "ssh", "module_ssh_key")
    organization, slash, name = text.partition("/")
    try:
        found = rows.filter(organization__name=organization, name=name) if slash else rows.filter(pk=text)
        return found.get()  # type: ignore[no-any-return]
    except (Workspace.DoesNotExist, ValidationError):
        raise CommandError(f"There is no workspace {text}; expected is ORGANIZATION/WORKSPACE or its id.") from None
