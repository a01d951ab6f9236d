"""The Kubernetes API, as plain dicts in and out: how to get at it, and how it can fail.

The client package takes half a second and 40 MiB to import, so only ``connect`` brings it in: a process that never asks
a cluster doesn't pay for it.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

type Manifest = dict[str, Any]
_QUOTA = "exceeded quota"


class ClusterError(Exception):
    """The cluster refused or did not answer.

    ``status`` is the HTTP status, None without an answer; ``retryable`` tells whether the same call may succeed later.
    The message is the server's own words.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    @property
    def retryable(self) -> bool:
        if self.status is None or self.status == 429 or self.status >= 500:
            return True
        return self.status == 403 and _QUOTA in self.message

    @property
    def is_quota(self) -> bool:
        return self.status == 403 and _QUOTA in self.message


class NoCluster(ClusterError):
    """This process has no way to reach a cluster: neither a service account nor a kubeconfig."""

    @property
    def retryable(self) -> bool:
        return False


class AlreadyExists(ClusterError):
    """An object of that name is there (409)."""


class Expired(ClusterError):
    """A watch asked for a version that the server no longer has (410); list again."""


_lock = threading.Lock()


@lru_cache(maxsize=1)
def _connected() -> Cluster:
    from executors.cluster import api

    return api.from_environment()


def connect() -> Cluster:
    """The cluster of the pod's service account, else of the current kubeconfig. Raises NoCluster."""
    with _lock:
        return _connected()


def preload() -> None:
    """Import what the calls need, for a process that will fork: its children then share it."""
    from executors.cluster import api

    api.preload()


def forget() -> None:
    """Connect anew at the next call, as after a fork or when the kubeconfig has changed."""
    _connected.cache_clear()
