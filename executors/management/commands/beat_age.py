"""Tell whether a background process works; for a probe, by its exit status."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executors import beats


class Command(BaseCommand):
    help = "Print how long ago worker or watcher was last alive, in seconds; fails when that is too long."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[beats.WORKER, beats.WATCHER])

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        age = beats.age(name)
        said = "never" if age is None else f"{age.total_seconds():.0f} s ago"
        # A worker's beat is queued by the watcher, so while that is away it tells nothing of the worker.
        if beats.is_stale(name) and (name == beats.WATCHER or not beats.is_stale(beats.WATCHER)):
            raise CommandError(f"{name} was alive: {said}")
        self.stdout.write(said)
