"""Store uploaded sources and find the one that a job runs."""

from __future__ import annotations

import io
import re
import tarfile
import zlib

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, name_of
from workspaces.errors import InvalidInput, WrongState
from workspaces.jobs.acting import keep_actor
from workspaces.models import ConfigurationVersion, Job, Workspace
from workspaces.permissions import require_permission

_GZIP = b"\x1f\x8b"
UPLOADED = "remote-content"
"""The branch of an uploaded source."""
_SMALL_BYTES = 64 * 1024
"""An archive without a file is never larger: directories alone compress well."""
UPLOAD = _("upload a source")
UPLOAD_FOR_ALL = _("upload a source that is not speculative")
ARCHIVE = _("remove an uploaded source")
"""What a refusal calls it."""
CURRENT = _("transition not allowed: configuration could not be archived because it is current")
"""In the words that clients of the cloud protocol know."""


def create_configuration_version(
    workspace: Workspace,
    *,
    by: Actor,
    speculative: bool = False,
    auto_queue_runs: bool = False,
    provisional: bool = False,
) -> ConfigurationVersion:
    """Create the record that receives an upload.

    A ``speculative`` one is for plans that name it, a ``provisional`` one for any job that names it. Any other becomes
    the source of jobs that name none. All but the first may be applied, so they need the right to approve jobs. Raises
    NotAllowed.
    """
    right = "plan_job" if speculative else "approve_job"
    require_permission(
        by, workspace.organization, right, action=UPLOAD if speculative else UPLOAD_FOR_ALL, workspace=workspace
    )
    version = ConfigurationVersion(
        workspace=workspace,
        speculative=speculative,
        auto_queue_runs=auto_queue_runs,
        provisional=provisional,
        created_by=name_of(by),
        updated_by=name_of(by),
    )
    keep_actor(version, by)
    version.save()
    return version


def store_source(version: ConfigurationVersion, content: bytes) -> ConfigurationVersion:
    """Store the uploaded tar.gz. Raises InvalidInput if it is invalid or too large, WrongState if another is stored
    already.

    The same archive may come again: a client that lost the answer repeats its upload.
    """
    if version.content is not None and bytes(version.content) == content:
        return version
    if version.content is not None or version.archived:
        raise WrongState(_("This configuration version already has an archive."))
    if not content.startswith(_GZIP):
        raise InvalidInput(_("The source must be a gzip-compressed tar archive."))
    if len(content) > settings.MAX_SOURCE_BYTES:
        raise InvalidInput(message(_("The source is larger than {size} MiB."), size=settings.MAX_SOURCE_BYTES // 2**20))
    version.content, version.empty = content, _is_empty(content)
    version.save(update_fields=["content", "empty", "updated_date"])
    return version


def _is_empty(content: bytes) -> bool:
    """Return whether an archive holds no file, as that of a `destroy` in an empty folder."""
    if len(content) > _SMALL_BYTES:
        return False
    try:
        # Bounded: a small archive may unpack to anything.
        unpacked = zlib.decompressobj(wbits=31).decompress(content, 2**20)
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            return not any(member.isfile() or member.issym() for member in archive)
    except (tarfile.TarError, zlib.error, EOFError):
        return False


def upload_source(workspace: Workspace, content: bytes, *, by: Actor) -> ConfigurationVersion:
    """Store an archive as the workspace's newest source. Raises InvalidInput, NotAllowed, WrongState, storing nothing.

    WrongState is for a workspace whose source is a git repository: no job would use the archive.
    """
    if not workspace.uploaded_source:
        raise WrongState(
            message(
                _("The source of {name} is a git repository. Change it to an uploaded configuration first."),
                name=workspace.name,
            )
        )
    with transaction.atomic():
        return store_source(create_configuration_version(workspace, by=by), content)


def has_archive(version: ConfigurationVersion) -> bool:
    """Return whether the archive of an upload is there, without loading it."""
    return ConfigurationVersion.objects.filter(pk=version.pk, content__isnull=False).exists()


def source_address(version: ConfigurationVersion) -> str:
    """Return the address from which a job downloads the archive; Terrakube's address for ``overrideSource``."""
    return f"{settings.PUBLIC_URL}/remote/tfe/v2/configuration-versions/{version.pk}/terraformContent.tar.gz"


def pin_source(job: Job) -> bool:
    """Store in a job which uploaded source it runs: the newest, unless it already names one.

    Returns False, changing nothing, when it names one, when its source is a repository, or when nothing was uploaded.
    """
    branch = job.override_branch or job.workspace.first_branch
    if job.override_source or branch != UPLOADED:
        return False
    version = sources_of(job.workspace).first()
    if version is None:
        return False
    job.override_source = source_address(version)
    return bool(Job.objects.filter(pk=job.pk).update(override_source=job.override_source))


def sources_of(workspace: Workspace) -> QuerySet[ConfigurationVersion]:
    """Return the uploads that jobs which name none may run, the one they take first; without their archives."""
    uploaded = ConfigurationVersion.objects.filter(
        workspace=workspace.pk, speculative=False, provisional=False, empty=False, content__isnull=False
    )
    return uploaded.defer("content").order_by("-created_date")


def archive_source(version: ConfigurationVersion, *, by: Actor) -> None:
    """Remove the archive of an upload; its record stays.

    Raises NotAllowed, and WrongState for the workspace's current source, one that an unfinished job runs, or one
    without an archive.
    """
    workspace = version.workspace
    require_permission(by, workspace.organization, "approve_job", action=ARCHIVE, workspace=workspace)
    with transaction.atomic():
        locked = ConfigurationVersion.objects.select_for_update(of=("self",)).defer("content").get(pk=version.pk)
        if locked.archived or not has_archive(version):
            raise WrongState(_("This configuration version has no archive."))
        current = sources_of(workspace).first()
        if current is not None and current.pk == version.pk:
            raise WrongState(CURRENT)
        if Job.objects.unfinished_on(workspace.pk).filter(override_source=source_address(version)).exists():
            raise WrongState(_("A job that has not ended runs this source, so its archive is kept."))
        ConfigurationVersion.objects.filter(pk=version.pk).update(content=None, archived=True, updated_by=name_of(by))


def version_of(job: Job) -> str | None:
    """Return the id of the upload that a job runs; None if its source is a repository."""
    match = _ADDRESS.search(job.override_source or "")
    return match[1] if match else None


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
