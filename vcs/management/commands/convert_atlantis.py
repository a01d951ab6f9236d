"""Convert an atlantis.yaml to workspaces, templates and webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vcs.atlantis.config import AtlantisError, read_config
from vcs.atlantis.conversion import Conversion, convert, lines_of
from vcs.atlantis.creation import create_all
from workspaces.errors import ServiceError
from workspaces.models import Organization, Vcs

_VERSION = "1.11.4"


class Command(BaseCommand):
    help = (
        "Print the workspaces, templates and webhooks that an atlantis.yaml becomes, and what could not be carried "
        "over. Nothing is changed without --apply."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="PATH", help="the atlantis.yaml")
        parser.add_argument("--branch", default="main", help="for projects that name none; main is the default")
        parser.add_argument(
            "--terraform-version",
            default=_VERSION,
            metavar="VERSION",
            help=f"for projects that name none; {_VERSION} is the default",
        )
        parser.add_argument("--apply", metavar="ORGANIZATION", help="create all of it in this organization")
        parser.add_argument("--vcs", metavar="NAME", help="with --apply: the connection of the workspaces")
        parser.add_argument("--source", metavar="URL", help="with --apply: the repository, as git clones it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = read_config(_content(options["file"]))
        except AtlantisError as error:
            raise CommandError(str(error)) from error
        conversion = convert(config, branch=options["branch"], version=options["terraform_version"])
        for line in lines_of(conversion):
            self.stdout.write(line)
        if options["apply"]:
            self._apply(conversion, options)

    def _apply(self, conversion: Conversion, options: dict[str, Any]) -> None:
        if not options["vcs"] or not options["source"]:
            raise CommandError("--apply takes --vcs and --source with it.")
        organization = Organization.objects.alive().filter(name=options["apply"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {options['apply']}.")
        try:
            created = create_all(conversion, organization, _connection(organization, options["vcs"]), options["source"])
        except ServiceError as error:
            raise CommandError(f"{str(error).rstrip('.')}. Nothing was changed.") from error
        for name in created.templates:
            self.stdout.write(f"{organization.name} has the template {name} now.")
        for name in created.workspaces:
            self.stdout.write(f"{organization.name} has the workspace {name} now.")
        for name in created.kept:
            self.stdout.write(f"{organization.name} had the {name} already; it stays as it is.")


def _connection(organization: Organization, name: str) -> Vcs:
    # Names of connections are not unique, as in Terrakube.
    found: list[Vcs] = list(organization.vcs.filter(name=name)[:2])
    if len(found) != 1:
        raise CommandError(f"{organization.name} has {'two connections' if found else 'no connection'} {name}.")
    return found[0]


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
