"""Uploaded sources: keep an archive and start a job on it."""

from __future__ import annotations

import re

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces.access import Actor, name_of
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import ConfigurationVersion, Job, Workspace
from workspaces.permissions import require

_GZIP = b"\x1f\x8b"


def create_configuration_version(
    workspace: Workspace, *, by: Actor, speculative: bool = False, auto_queue_runs: bool = False
) -> ConfigurationVersion:
    """Make room for an upload. Raises NotAllowed."""
    require(by, workspace.organization, "plan_job", to=_("upload a source"), workspace=workspace)
    return ConfigurationVersion.objects.create(
        workspace=workspace,
        speculative=speculative,
        auto_queue_runs=auto_queue_runs,
        created_by=name_of(by),
        updated_by=name_of(by),
    )


def store_source(version: ConfigurationVersion, content: bytes) -> ConfigurationVersion:
    """Keep the uploaded tar.gz. Raises InvalidInput when it is none or too large, WrongState when one is kept."""
    if version.content is not None:
        raise WrongState(_("This configuration version has its archive already."))
    if not content.startswith(_GZIP):
        raise InvalidInput(_("The source must be a gzip-compressed tar archive."))
    if len(content) > settings.MAX_SOURCE_BYTES:
        raise InvalidInput(_("The source is larger than {size} MiB.").format(size=settings.MAX_SOURCE_BYTES // 2**20))
    version.content = content
    version.save(update_fields=["content", "updated_date"])
    return version


def upload_source(workspace: Workspace, content: bytes, *, by: Actor) -> ConfigurationVersion:
    """Keep an archive as the workspace's newest source. Raises InvalidInput, NotAllowed, WrongState, keeping nothing.

    WrongState is for a workspace whose source is a git repository: no job would run the archive.
    """
    if not workspace.uploaded_source:
        raise WrongState(
            _('The source of {name} is a git repository; its branch must be "remote-content" for an upload.').format(
                name=workspace.name
            )
        )
    with transaction.atomic():
        return store_source(create_configuration_version(workspace, by=by), content)


def source_address(version: ConfigurationVersion) -> str:
    """Where a job finds the archive; Terrakube's address for ``overrideSource``."""
    return f"{settings.PUBLIC_URL}/remote/tfe/v2/configuration-versions/{version.pk}/terraformContent.tar.gz"


def pin_source(job: Job) -> bool:
    """Write into a job that runs an uploaded source which one that is: the newest, unless it names one already.

    False, changing nothing, when it does, when its source is a repository, or when nothing was uploaded.
    """
    branch = job.override_branch or job.workspace.first_branch
    if job.override_source or branch != "remote-content":
        return False
    uploaded = ConfigurationVersion.objects.filter(workspace=job.workspace_id, content__isnull=False)
    version = uploaded.defer("content").order_by("-created_date").first()
    if version is None:
        return False
    job.override_source = source_address(version)
    return bool(Job.objects.filter(pk=job.pk).update(override_source=job.override_source))


_ADDRESS = re.compile(r"/remote/tfe/v2/configuration-versions/([0-9a-f-]{36})/terraformContent\.tar\.gz")


def check_source_address(workspace: Workspace, address: str) -> None:
    """Refuse a job's source that is not an upload to its own workspace. Raises InvalidInput."""
    path = address.removeprefix(settings.PUBLIC_URL)
    match = _ADDRESS.fullmatch(path)
    if match is None or not workspace.configuration_versions.filter(pk=match[1], content__isnull=False).exists():
        raise InvalidInput(
            "overrideSource must be the address of a configuration version that was uploaded to this workspace.",
            fields={"overrideSource": "unknown"},
        )
