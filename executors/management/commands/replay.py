"""Run diagnosis and decisions over bundles of incidents, and tell where they decide otherwise than then."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executors.incidents.replaying import BadBundle, Replayed, cluster_of, replay


class Command(BaseCommand):
    help = (
        "Replay bundles of incidents: print what would be decided at each look, and why. Asks no cluster and no "
        "database. Exit status: 0 when all is decided as it was then, 1 when something is not, or cannot be read."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="file, or - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        differs = 0
        for name in options["bundles"]:
            looks, where = _read(name)
            self.stdout.write(f"{name}: {len(looks)} looks" + (f" in {where}" if where else ""))
            for look in looks:
                self.stdout.write(_line(look))
            differs += sum(look.differs for look in looks)
        if differs:
            self.stdout.write(f"{differs} decided otherwise than then.")
            sys.exit(1)
        self.stdout.write("All is decided as it was then.")


def _read(name: str) -> tuple[list[Replayed], str]:
    """Return the looks of a bundle, and where its attempt ran."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        bundle = json.loads(text)
        return replay(bundle), cluster_of(bundle)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{name} is no JSON: {error}.") from error
    except BadBundle as error:
        raise CommandError(f"{name}: {error}") from error


def _line(look: Replayed) -> str:
    line = f"  {look.at}  {look.now}"
    return f"{line}\n  {'':{len(look.at)}}  DIFFERS from then: {look.then}" if look.differs else line
