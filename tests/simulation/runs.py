"""Many histories, one after the other, in a database that is emptied in between."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management import call_command
from django.db import connections

from executors.installation.settings import installation
from tests.factories import OrganizationFactory, VariableFactory, WorkspaceFactory
from tests.simulation import database
from tests.simulation.world import Outcome, World
from workspaces.models import RunLimits, Workspace

_ALWAYS_EMPTIED = {"workspaces_historyentry", "executors_beat", "django_q_ormq"}


class Runner:
    """Makes histories in this process's database in memory."""

    def __init__(self) -> None:
        call_command("migrate", run_syncdb=True, verbosity=0)
        organization = OrganizationFactory.create()
        self._workspaces: list[Workspace] = []
        for _ in range(2):
            workspace = WorkspaceFactory.create(organization=organization)
            VariableFactory.create(workspace=workspace, key="TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", value="true")
            self._workspaces.append(workspace)
        RunLimits.objects.create(workspace=self._workspaces[1], retry_plans=True)
        raw = connections["default"].connection
        database.make_quick(raw)
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self._emptied = [
            name
            for name in names
            if not name.startswith("sqlite_")
            and (name in _ALWAYS_EMPTIED or raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] == 0)  # noqa: S608
        ]

    def history(self, seed: int, fixed: Mapping[str, int] | None = None) -> Outcome:
        """Make the history of a seed, or of the choices that are given instead."""
        self._empty()
        workspaces = [Workspace.objects.select_related("organization").get(pk=one.pk) for one in self._workspaces]
        return World(seed, workspaces, installation(), fixed).run()

    def _empty(self) -> None:
        raw = connections["default"].connection
        # In one transaction, at whose end foreign keys are checked: to switch them off costs each prepared statement.
        raw.execute("BEGIN")
        for name in self._emptied:
            raw.execute(f'DELETE FROM "{name}"')  # noqa: S608
        raw.execute("DELETE FROM sqlite_sequence")
        raw.execute("COMMIT")
