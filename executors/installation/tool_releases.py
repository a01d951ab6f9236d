"""Release indexes of Terraform and OpenTofu for executors: fetched now and then, and cached for outages.

A source is an address, or a file in a closed network. The last good copy is also kept in the data folder, so that a
restart during an outage of the source costs nothing.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from terrakube_site import site_settings
from terrakube_site.env import SettingError
from terrakube_site.http.error_response import error_response
from terrakube_site.outgoing import OutgoingError, ask

logger = logging.getLogger(__name__)
INDEXES = {"terraform": site_settings.TERRAFORM_INDEX, "tofu": site_settings.TOFU_INDEX}
TIMEOUT_SECONDS = 20
LARGEST_BYTES = 64 * 2**20
_RETRY_SECONDS = 30


class Unavailable(Exception):
    """The source gives no index; the message says why and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The source of an index; ``file`` is set instead of ``address`` for one on this machine."""

    name: str
    address: str = ""
    file: Path | None = None
    token: str = field(default="", repr=False)
    keep_seconds: int = 1800


def read_source(environ: Mapping[str, str], name: str) -> Source:
    """Return the source of "terraform" or "tofu" by Terrakube's settings. Raises SettingError."""
    given = INDEXES[name].read(environ)
    keep = 60 * site_settings.INDEX_MINUTES.read(environ)
    parts = urlsplit(given)
    if given.startswith("/"):
        return Source(name=name, file=Path(given))
    if parts.scheme == "file" and parts.path.startswith("/"):
        return Source(name=name, file=Path(unquote(parts.path)))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError(INDEXES[name].name, given, "an http or https address, or the absolute path of a file")
    token = site_settings.INDEX_TOKEN.read(environ) if parts.hostname.endswith("github.com") else ""
    return Source(name=name, address=given, token=token or "", keep_seconds=keep)


@dataclass(slots=True)
class Index:
    """One index with its last good copy. Of many concurrent readers, one asks the source."""

    source: Source
    folder: Path
    copy: bytes | None = None
    fetched_at: float = 0.0
    tried_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def read(self) -> bytes:
        """Return the index as JSON text, a stale one if the source fails. Raises Unavailable if there is none at
        all.
        """
        if self.source.file is not None:
            return _read_file(self.source.file)
        with self._lock:
            now = time.time()
            self._remember()
            if self.copy is not None and now - max(self.fetched_at, 0) < self.source.keep_seconds:
                return self.copy
            if self.copy is not None and now - self.tried_at < _RETRY_SECONDS:
                return self.copy
            self.tried_at = now
            try:
                self._keep(_download(self.source), now)
            except Unavailable as error:
                if self.copy is None:
                    raise
                logger.warning("The old index of %s is used: %s", self.source.name, error)
        return self.copy or b""

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.source.name}.json"

    def _remember(self) -> None:
        """Load the copy of an earlier process."""
        if self.copy is None:
            try:
                self.copy, self.fetched_at = self._file.read_bytes(), self._file.stat().st_mtime
            except OSError:
                return

    def _keep(self, content: bytes, now: float) -> None:
        self.copy, self.fetched_at = content, now
        part = self._file.with_name(f".{self.source.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(self._file)
        except OSError as error:
            # An unwritable folder only costs the copy after a restart.
            logger.warning("The index of %s could not be kept in %s: %s", self.source.name, self.folder, error)


def _validate(content: bytes, where: str) -> bytes:
    try:
        index = json.loads(content)
    except ValueError:
        index = None
    if not isinstance(index, dict | list):
        raise Unavailable(f"{where} holds no index of releases")
    return content


def _read_file(file: Path) -> bytes:
    try:
        return _validate(file.read_bytes(), str(file))
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror}") from error


def _download(source: Source) -> bytes:
    host = urlsplit(source.address).hostname or ""
    headers = {"Accept": "application/json"}
    if source.token:
        headers["Authorization"] = f"Bearer {source.token}"
    try:
        # The setting names the host, so it may belong to a closed network.
        answer = ask(
            source.address, headers=headers, timeout=TIMEOUT_SECONDS, largest=LARGEST_BYTES, trusted={host.lower()}
        )
    except OutgoingError as error:
        raise Unavailable(str(error)) from error
    if answer.status != HTTPStatus.OK:
        raise Unavailable(f"{host} gives no index of releases: it answered {answer.status}")
    return _validate(answer.content, host)


@lru_cache(maxsize=2)
def release_index(name: str) -> Index:
    """Return this process's index of "terraform" or "tofu"."""
    return Index(read_source(os.environ, name), settings.DATA_DIR / "releases")


@require_safe
def serve_releases(request: HttpRequest, name: str) -> HttpResponse:
    """Serve the index of one tool."""
    try:
        return HttpResponse(release_index(name).read(), content_type="application/json")
    except Unavailable as error:
        logger.warning("No index of %s: %s", name, error)
        return error_response(f"There is no index of {name}'s releases: {error}", 503)


urlpatterns = [
    path("terraform/index.json", serve_releases, {"name": "terraform"}, name="terraform-releases"),
    path("tofu/index.json", serve_releases, {"name": "tofu"}, name="tofu-releases"),
]
