"""Report by exit status whether a background process is alive, for a probe."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from executors.health import heartbeats
from terrakube_site.commands import PagelessCommand


class Command(PagelessCommand):
    help = "Print how long ago worker or watcher was last alive, in seconds; fails when that is too long."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=[heartbeats.WORKER, heartbeats.WATCHER])

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        age = heartbeats.heartbeat_age(name)
        said = "never" if age is None else f"{age.total_seconds():.0f} s ago"
        # A worker's beat is queued by the watcher, so while that is away it tells nothing of the worker.
        if heartbeats.is_stale(name) and (name == heartbeats.WATCHER or not heartbeats.is_stale(heartbeats.WATCHER)):
            raise CommandError(f"{name} was alive: {said}")
        self.stdout.write(said)
