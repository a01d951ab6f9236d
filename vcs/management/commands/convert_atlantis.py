"""Convert an atlantis.yaml to workspaces, templates and webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vcs.atlantis.config import AtlantisError, read_config
from vcs.atlantis.conversion import convert, lines_of

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

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = read_config(_content(options["file"]))
        except AtlantisError as error:
            raise CommandError(str(error)) from error
        conversion = convert(config, branch=options["branch"], version=options["terraform_version"])
        for line in lines_of(conversion):
            self.stdout.write(line)


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
