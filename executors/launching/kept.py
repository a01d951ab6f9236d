"""What the newest Kubernetes Job of a workspace was made of: kept at its launch, compared with what is in force now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import salted_hmac

from executors.cluster import Manifest
from executors.launching.masking import masked, secret_texts
from executors.models import LastLaunch
from workspaces.ephemeral import SETTINGS
from workspaces.models import Step, Workspace
from workspaces.variables import Value

_SALT = "executors.launching.kept"


def settings_of(environment: Mapping[str, Value]) -> dict[str, str]:
    """The texts of the executor's settings in an environment; of a sensitive one a print that says only whether it is
    the same."""
    return {name: _kept(name, value) for name, value in sorted(environment.items()) if name in SETTINGS}


def _kept(name: str, value: Value) -> str:
    if not value.sensitive:
        return value.text
    # Keyed by the installation's secret, so that nobody finds a short text by trying them all.
    return "hmac:" + salted_hmac(_SALT, f"{name}={value.text}", algorithm="sha256").hexdigest()


def keep(step: Step, body: Manifest, environment: Mapping[str, Value]) -> None:
    """Keep a Job that was created as the newest of its workspace and type of step."""
    launch = LastLaunch(
        workspace_id=step.job.workspace_id,
        step_type=step.type,
        job_id=step.job_id,
        at=timezone.now(),
        manifest=masked(body, secret_texts(environment)),
        settings=settings_of(environment),
    )
    LastLaunch.objects.bulk_create(
        [launch],
        update_conflicts=True,
        unique_fields=["workspace", "step_type"],
        update_fields=["job", "at", "manifest", "settings"],
    )


def last_launch(workspace: Workspace, step_type: str) -> LastLaunch | None:
    """The newest launch of a step of this type, else of any; None when no step of the workspace ever had a pod."""
    rows = list(workspace.last_launches.order_by("-at"))
    return next((row for row in rows if row.step_type == step_type), rows[0] if rows else None)


def newest_settings(workspace_ids: Iterable[UUID]) -> dict[UUID, dict[str, str]]:
    """The settings of the newest launch of each of many workspaces, with one query."""
    rows = LastLaunch.objects.filter(workspace__in=list(workspace_ids)).order_by("at")
    return {row.workspace_id: row.settings for row in rows.only("workspace_id", "at", "settings")}


def drift(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """The names of the settings that differ."""
    return [name for name in SETTINGS if now.get(name) != then.get(name)]
