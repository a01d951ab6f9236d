"""Watch the executors: report what a pod cannot report itself, and find lost work."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from executors.installation.settings import installation
from executors.watching.watcher import Watcher

logger = logging.getLogger(__name__)


class _Ended(BaseException):
    """A signal asks for the end. Whatever it cuts short, the next watcher's first sweep finishes."""


def _end(number: int, frame: FrameType | None) -> None:
    # A second signal must not cut the ending short too.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise _Ended


class Command(BaseCommand):
    help = "Watch the pods and processes that run steps, and find work that was lost. One is active, others stand by."
    # They would load every page of the site, none of which is served here.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        watcher = Watcher(installation(), settings.DATA_DIR)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        try:
            watcher.run()
        except _Ended:
            logger.info("The watcher was told to stop")
            sys.exit(0)
