"""The base of commands that serve no page."""

from __future__ import annotations

from django.core.management.base import BaseCommand

INSTALLATION = "installation"
"""The tag of the system checks that read the settings of an installation."""


class PagelessCommand(BaseCommand):
    """A command that checks the settings of the installation when it starts, and nothing else.

    All of Django's checks would load every page of the site, which takes longer than most commands. They find
    mistakes in the code, and ``manage.py check`` and ``migrate`` run them.
    """

    requires_system_checks = [INSTALLATION]
