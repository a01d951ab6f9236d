"""Object storage of Terrakube's executor for plans, states and logs, configured by Terrakube's settings.

`StorageType` is AWS for every S3 server (`AwsEndpoint` for servers other than Amazon's, then with the bucket in the
path), or LOCAL for a folder that executors share with this site. Azure's and Google's are not read: steps run all
the same, and their states and logs stay there.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from executors.installation import storage_settings
from terrakube_site.env import SettingError

logger = logging.getLogger(__name__)
LARGEST_BYTES = 512 * 2**20
TIMEOUT_SECONDS = 10


class StorageError(Exception):
    """The storage does not answer, or refuses; the text holds no key."""


class Store(Protocol):
    """The methods of Django's storages that are used."""

    def open(self, name: str, mode: str = "rb") -> Any: ...

    def exists(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Location of the objects; ``kind`` is "" if not set. ``endpoint`` None is Amazon's own."""

    kind: str
    bucket: str = ""
    region: str | None = None
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    folder: Path = Path("/")


def read(environ: Mapping[str, str]) -> StorageSettings:
    """Read the storage from Terrakube's settings. Raises SettingError."""
    kind = storage_settings.STORAGE_TYPE.read(environ)
    if kind == "LOCAL":
        home = Path(environ.get("HOME") or "/")
        return StorageSettings(kind=kind, folder=home / storage_settings.LOCAL_FOLDER.read(environ))
    if kind != "AWS":
        return StorageSettings(kind=kind)
    bucket = storage_settings.BUCKET.read(environ)
    if not bucket:
        raise SettingError(storage_settings.BUCKET.name, None, "the bucket in which executors keep plans and states")
    by_role = storage_settings.BY_ROLE.read(environ)
    endpoint = storage_settings.ENDPOINT.read(environ)
    return StorageSettings(
        kind=kind,
        bucket=bucket,
        region=storage_settings.REGION.read(environ),
        # With a role, Terrakube's own client ignores the endpoint.
        endpoint=None if by_role else endpoint,
        access_key=None if by_role else storage_settings.ACCESS_KEY.read(environ),
        secret_key=None if by_role else storage_settings.SECRET_KEY.read(environ),
    )


def check_storage(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Report invalid settings of the storage at start (a Django system check)."""
    try:
        kind = read(os.environ).kind
    except SettingError as error:
        return [Error(str(error), id="executors.E005")]
    if kind in {"AZURE", "GCP"}:
        return [
            Warning(
                f"StorageType is {kind}, which this site does not read.",
                hint="Steps of Terrakube's executor run, but their states, plans and logs can only be found there.",
                id="executors.W005",
            )
        ]
    return []


def s3(settings: StorageSettings) -> Store:
    """Return a bucket. Its library is imported only here, since most installations have none."""
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"max_attempts": 2},
        s3={"addressing_style": "path" if settings.endpoint else "auto"},
        # Not all S3 servers know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    store: Store = S3Storage(
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        bucket_name=settings.bucket,
        region_name=settings.region,
        endpoint_url=settings.endpoint,
        client_config=config,
    )
    return store


@cache
def _store() -> Store | None:
    """Return the storage of this process, None if none can be read."""
    try:
        settings = read(os.environ)
    except SettingError as error:
        logger.error("The object storage is not read: %s", error)
        return None
    if settings.kind == "AWS":
        return s3(settings)
    return FileSystemStorage(location=settings.folder) if settings.kind == "LOCAL" else None


def is_readable() -> bool:
    return _store() is not None


def try_out(name: str, data: bytes) -> bool | None:
    """Write, read and delete a test object; None without a readable storage. Raises StorageError."""
    store: Any = _store()
    if store is None:
        return None
    try:
        kept = store.save(name, ContentFile(data))
        try:
            with store.open(kept) as file:
                same = bool(file.read() == data)
        finally:
            store.delete(kept)
    except Exception as error:
        raise StorageError(f"{name} could not be written, read and deleted: {type(error).__name__}") from error
    return same


def forget() -> None:
    """Read the settings again at the next use."""
    _store.cache_clear()


def _load(name: str) -> bytes | None:
    """Return the content of an object, None if it does not exist. Raises StorageError."""
    store = _store()
    if store is None:
        return None
    # A process without S3 never imports its library, and its errors share no other base class.
    try:
        with store.open(name) as file:
            data: bytes = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise StorageError(f"{name} could not be read: {type(error).__name__}") from error
    if len(data) > LARGEST_BYTES:
        raise StorageError(f"{name} is larger than {LARGEST_BYTES // 2**20} MiB")
    return data


# Local folders have other names than those in a bucket.
_LOCAL_FOLDERS = {"tfstate": "state", "tfoutput": "output"}


def _object_name(container: str, path: str) -> str:
    local = isinstance(_store(), FileSystemStorage)
    return f"{_LOCAL_FOLDERS[container] if local else container}/{path}"


def load_log(organization_id: UUID, job_id: int, step_id: UUID) -> bytes | None:
    """Return a step's whole log as its executor stored it, None without one. Raises StorageError."""
    return _load(_object_name("tfoutput", f"{organization_id}/{job_id}/{step_id}.tfoutput"))


def load_state(organization_id: UUID, workspace_id: UUID, key: UUID) -> bytes | None:
    """Return a raw state, None without one. Raises StorageError."""
    return _load(_object_name("tfstate", f"{organization_id}/{workspace_id}/state/{key}.raw.json"))


def load_described_state(organization_id: UUID, workspace_id: UUID, key: UUID) -> bytes | None:
    """Return the ``show -json`` output of a state, None without it. Raises StorageError."""
    return _load(_object_name("tfstate", f"{organization_id}/{workspace_id}/state/{key}.json"))


def _current_state(organization_id: UUID, workspace_id: UUID) -> str:
    folder = "backend" if isinstance(_store(), FileSystemStorage) else "tfstate"
    return f"{folder}/{organization_id}/{workspace_id}/terraform.tfstate"


def load_current_state(organization_id: UUID, workspace_id: UUID) -> bytes | None:
    """Return the state that terraform's own backend stores, None without one. Raises StorageError."""
    return _load(_current_state(organization_id, workspace_id))


def has_current_state(organization_id: UUID, workspace_id: UUID) -> bool | None:
    """Return True if terraform's own backend has a state, None without a storage. Raises StorageError."""
    store, name = _store(), _current_state(organization_id, workspace_id)
    if store is None:
        return None
    try:
        return store.exists(name)
    except Exception as error:
        raise StorageError(f"{name} could not be looked for: {type(error).__name__}") from error


def load_plan(organization_id: UUID, workspace_id: UUID, job_id: int, step_id: UUID) -> bytes | None:
    """Return a saved plan, None without one. Raises StorageError."""
    path = f"{organization_id}/{workspace_id}/{job_id}/{step_id}/terraformLibrary.tfPlan"
    return _load(_object_name("tfstate", path))


_STATE_ADDRESS = re.compile(r"/tfstate/v1/organization/[^/]+/workspace/[^/]+/state/([0-9a-fA-F-]{36})\.json$")


def state_key(address: str) -> UUID | None:
    """Return the id of the state in the address of an executor's ``history``, None for another address."""
    found = _STATE_ADDRESS.search(address)
    try:
        return UUID(found[1]) if found else None
    except ValueError:
        return None
