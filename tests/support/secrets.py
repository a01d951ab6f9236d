"""Sensitive texts that are planted, and a look for them in whatever was said, written or logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from auditlog.models import LogEntry
from django.contrib.admin.models import LogEntry as AdminLogEntry

from terrakube_site.logs import formatter
from workspaces.models import HistoryEntry

SECRET = "Zebra/Quagga+Okapi7"
# Each breaks some settings' grammar in another place; no word of ours has these animals in it.
WRONG = (
    SECRET,
    f"={SECRET}",
    f"[{SECRET}",
    f"{SECRET}={SECRET};;{SECRET}",
    f"{SECRET}:Equal:{SECRET}:Okapi7",
    f"key={SECRET}",
    f"key=Quagga:Quagga:{SECRET}",
    f"{SECRET},okapi,Zebra",
    f"/{SECRET}/../Okapi7",
    "512m",
    "Okapi7",
)
"""The last but one is short and a number, of which the whole must not be told."""


def pieces(text: str, width: int = 5) -> set[str]:
    """What of a planted text must be nowhere: any five characters of an animal in it, or all of a short text."""
    if len(text) <= width:
        return {text}
    return {piece for at in range(len(text) - width + 1) if (piece := text[at : at + width]).isalnum()} - {"Equal"}


def found_in(said: str, planted: str) -> list[str]:
    """The places at which a planted text shows, with what is around them."""
    return [said[max(0, at - 80) : at + 80] for piece in pieces(planted) if (at := said.find(piece)) >= 0]


def written() -> str:
    """All that the histories hold."""
    audit = [
        f"{row.object_repr} {row.changes} {row.changes_text} {row.additional_data}" for row in LogEntry.objects.all()
    ]
    audit += [f"{row.record} {row.sentence} {row.kept_values}" for row in HistoryEntry.objects.all()]
    return "\n".join([*audit, *(f"{row.object_repr} {row.change_message}" for row in AdminLogEntry.objects.all())])


class Logged(logging.Handler):
    """All log lines as both formats of the site write them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._formats = [formatter("plain"), formatter("json")]

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [format_.format(record) for format_ in self._formats]


@contextmanager
def all_logged() -> Iterator[Logged]:
    """Every line of the site's loggers, and of Django's those that an installation can have: INFO and above."""
    handler = Logged()
    levels = {"": logging.INFO, "django": logging.INFO, "django.request": logging.INFO}
    levels |= dict.fromkeys(("workspaces", "vcs", "executors", "terrakube_site"), logging.DEBUG)
    loggers = {logging.getLogger(name): level for name, level in levels.items()}
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger, level in loggers.items():
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield handler
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
