"""Run the worker: django-q2's command, without the pages of the site."""

from __future__ import annotations

from django_q.management.commands.qcluster import Command as QCluster

from terrakube_site.commands import INSTALLATION


class Command(QCluster):  # type: ignore[misc]
    # As in ``PagelessCommand``; each process that the worker forks is smaller too.
    requires_system_checks = [INSTALLATION]
