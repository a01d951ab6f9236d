"""Settings and manifest of a workspace's last launch: stored at launch, compared with the settings now in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import salted_hmac

from executors.cluster import Manifest
from executors.launching.redaction import redact_job
from executors.models import LastLaunch
from terrakube_site.database.built_writes import BuiltInserts, Replacing
from workspaces.models import Step, Workspace
from workspaces.pods import SETTINGS, for_step, step_ending
from workspaces.variables.in_force import Value

_SALT = "executors.launching.kept"
_HIDDEN = "hmac:"
"""What the fingerprint of a sensitive setting begins with."""
_LAUNCHES = BuiltInserts(
    LastLaunch, replacing=Replacing(("workspace", "step_type"), ("job", "at", "manifest", "settings"))
)


def executor_settings(environment: Mapping[str, Value]) -> dict[str, str]:
    """Return the executor's settings in an environment as text; a sensitive one as a fingerprint."""
    return {name: _stored_value(name, value) for name, value in sorted(environment.items()) if name in SETTINGS}


def shows_secrets(environment: Mapping[str, Value], last: LastLaunch) -> bool:
    """Return whether a setting that is sensitive now was stored in clear, because it was not at the last launch."""
    return any(
        value.sensitive and not last.settings.get(name, _HIDDEN).startswith(_HIDDEN)
        for name, value in environment.items()
    )


def _stored_value(name: str, value: Value) -> str:
    if not value.sensitive:
        return value.text
    # Keyed with the installation's secret, so that a short text cannot be found by brute force.
    return _HIDDEN + salted_hmac(_SALT, f"{name}={value.text}", algorithm="sha256").hexdigest()


def store_launch(step: Step, body: Manifest, environment: Mapping[str, Value]) -> None:
    """Store a created Job as the last launch of its workspace and type of step."""
    launch = LastLaunch(
        workspace_id=step.job.workspace_id,
        step_type=step.type,
        job_id=step.job_id,
        at=timezone.now(),
        manifest=redact_job(body, environment),
        settings=executor_settings(environment),
    )
    _LAUNCHES.store([launch])


def last_launch(workspace: Workspace, step_type: str) -> LastLaunch | None:
    """Return the last launch of a step of this type, else of any; None if no step of the workspace ever had a pod."""
    rows = list(workspace.last_launches.order_by("-at"))
    return next((row for row in rows if row.step_type == step_type), rows[0] if rows else None)


def newest_launches(workspace_ids: Iterable[UUID]) -> dict[UUID, LastLaunch]:
    """Return each workspace's last launch without its manifest, with one query."""
    rows = LastLaunch.objects.filter(workspace__in=list(workspace_ids)).order_by("at").defer("manifest")
    return {row.workspace_id: row for row in rows}


def changed_settings(environment: Mapping[str, Value], last: LastLaunch) -> list[str]:
    """Return the names of the settings that a step like the last one would get otherwise."""
    now = executor_settings(for_step(environment, step_ending(last.step_type)))
    return [name for name in SETTINGS if now.get(name) != last.settings.get(name)]
