"""Re-encrypt all data with the installation's first key, while the installation runs."""

from __future__ import annotations

import secrets
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from terrakube_site.commands import PagelessCommand
from workspaces.services.rotation import Progress, columns, rotate


class Command(PagelessCommand):
    help = (
        "Re-encrypt everything in the database under the first of TERRAKUBE_ENCRYPTION_KEYS. It can be stopped and "
        "run again at any time; the site goes on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only count; ends with 1 when something is left to do")
        parser.add_argument("--new", action="store_true", help="only print a new key for each setting")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new"]:
            self._print_new()
            return
        left = unreadable = 0
        for column in columns():
            progress = Progress(column, 0)
            for progress in rotate(column, dry_run=options["check"]):
                if progress.seen < progress.total:
                    self.stdout.write(f"{column}: {progress.seen} of {progress.total}")
            self._say(progress, check=options["check"])
            left += progress.changed if options["check"] else 0
            unreadable += len(progress.unreadable or ())
        if unreadable:
            raise CommandError(f"{unreadable} values are under none of the {len(settings.ENCRYPTION_KEYS)} keys.")
        if left:
            raise CommandError(f"{left} values are not under the first key yet.")
        self.stdout.write("Everything is under the first key; the others can be taken away from behind it.")

    def _say(self, progress: Progress, *, check: bool) -> None:
        verb = "to re-encrypt" if check else "re-encrypted"
        self.stdout.write(f"{progress.column}: {progress.changed} of {progress.total} {verb}")
        for pk in (progress.unreadable or [])[:10]:
            self.stderr.write(f"{progress.column}: {pk} is under none of the keys")

    def _print_new(self) -> None:
        self.stdout.write(f"TERRAKUBE_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")
        self.stdout.write(f"TERRAKUBE_SECRET_KEY={secrets.token_urlsafe(48)}")
        self.stdout.write(f"InternalSecret={Fernet.generate_key().decode()}")
        self.stdout.write(f"PatSecret={Fernet.generate_key().decode()}")
