"""Store uploaded sources and find the one that a job runs."""

from __future__ import annotations

import re

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import ConfigurationVersion, Job, Workspace
from workspaces.permissions import require_permission

_GZIP = b"\x1f\x8b"
UPLOAD = _("upload a source")
UPLOAD_FOR_ALL = _("upload a source that is not speculative")
"""What a refusal calls it."""


def create_configuration_version(
    workspace: Workspace, *, by: Actor, speculative: bool = False, auto_queue_runs: bool = False
) -> ConfigurationVersion:
    """Create the record that receives an upload.

    A ``speculative`` one is for jobs that name it. Any other becomes the source of jobs that name none, including
    applies, so it needs the right to approve jobs. Raises NotAllowed.
    """
    right = "plan_job" if speculative else "approve_job"
    require_permission(
        by, workspace.organization, right, action=UPLOAD if speculative else UPLOAD_FOR_ALL, workspace=workspace
    )
    return ConfigurationVersion.objects.create(
        workspace=workspace,
        speculative=speculative,
        auto_queue_runs=auto_queue_runs,
        created_by=name_of(by),
        updated_by=name_of(by),
    )


def store_source(version: ConfigurationVersion, content: bytes) -> ConfigurationVersion:
    """Store the uploaded tar.gz. Raises InvalidInput if it is invalid or too large, WrongState if one is stored
    already.
    """
    if version.content is not None:
        raise WrongState(_("This configuration version already has an archive."))
    if not content.startswith(_GZIP):
        raise InvalidInput(_("The source must be a gzip-compressed tar archive."))
    if len(content) > settings.MAX_SOURCE_BYTES:
        raise InvalidInput(message(_("The source is larger than {size} MiB."), size=settings.MAX_SOURCE_BYTES // 2**20))
    version.content = content
    version.save(update_fields=["content", "updated_date"])
    return version


def upload_source(workspace: Workspace, content: bytes, *, by: Actor) -> ConfigurationVersion:
    """Store an archive as the workspace's newest source. Raises InvalidInput, NotAllowed, WrongState, storing nothing.

    WrongState is for a workspace whose source is a git repository: no job would use the archive.
    """
    if not workspace.uploaded_source:
        raise WrongState(
            message(
                _('The source of {name} is a git repository. Set its branch to "remote-content" to upload a source.'),
                name=workspace.name,
            )
        )
    with transaction.atomic():
        return store_source(create_configuration_version(workspace, by=by), content)


def source_address(version: ConfigurationVersion) -> str:
    """Return the address from which a job downloads the archive; Terrakube's address for ``overrideSource``."""
    return f"{settings.PUBLIC_URL}/remote/tfe/v2/configuration-versions/{version.pk}/terraformContent.tar.gz"


def pin_source(job: Job) -> bool:
    """Store in a job which uploaded source it runs: the newest, unless it already names one.

    Returns False, changing nothing, when it names one, when its source is a repository, or when nothing was uploaded.
    """
    branch = job.override_branch or job.workspace.first_branch
    if job.override_source or branch != "remote-content":
        return False
    uploaded = ConfigurationVersion.objects.filter(workspace=job.workspace_id, speculative=False, content__isnull=False)
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
