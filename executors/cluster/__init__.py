"""Client of the Kubernetes API: plain dicts in and out, with our own errors.

The client package takes 12 MiB even without the models of objects, so only ``connect`` imports it: a process that
never calls a cluster does not pay for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

type Manifest = dict[str, Any]
_QUOTA = "exceeded quota"
_POLICIES = ("admission webhook ", "ValidatingAdmissionPolicy ", "violates PodSecurity ", "security context constraint")
"""Who refuses an object that the caller has the right to create, as their messages say it."""


def is_policy_refusal(message: str) -> bool:
    """Return True if the message is that of an admission policy or webhook of the cluster."""
    return any(sign in message for sign in _POLICIES)


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

    @property
    def lacks_right(self) -> bool:
        """True if the caller lacks a right; admission policies and webhooks answer 403 too."""
        return self.status == 403 and 'User "' in self.message and " cannot " in self.message


class NoCluster(ClusterError):
    """This process cannot reach a cluster: it has neither a service account nor a kubeconfig."""

    @property
    def retryable(self) -> bool:
        return False


class Dropped(ClusterError):
    """The connection ended before the answer, as a kept one does that was idle for too long; the next may get one."""


class AlreadyExists(ClusterError):
    """An object with this name exists (409)."""


class Expired(ClusterError):
    """A watch asked for a version that the server no longer has (410); list again."""


_lock = threading.Lock()


@lru_cache(maxsize=1)
def _connected() -> Cluster:
    from executors.cluster import api

    return api.from_environment()


def connect() -> Cluster:
    """Connect with the pod's service account, else with the current kubeconfig. Raises NoCluster."""
    with _lock:
        return _connected()


def connect_by(content: Mapping[str, Any]) -> Cluster:
    """Connect as a kubeconfig says, which holds all it needs. Raises NoCluster. The caller keeps the connection."""
    from executors.cluster import api

    return api.from_kubeconfig(content)


def has_signs() -> bool:
    """Return whether this process could connect to a cluster: it has a service account or a kubeconfig.

    It looks where the client package does, without importing it.
    """
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return True
    paths = os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)
    return any(path and Path(path).expanduser().exists() for path in paths)


def preload() -> None:
    """Import what the calls need, for a process that will fork: its children then share it.

    Without a sign of a cluster there will be no call, and nothing is imported.
    """
    if not has_signs():
        return
    from executors.cluster import api  # noqa: F401 - imported to be there


def forget() -> None:
    """Reconnect at the next call, as after a fork or a change of the kubeconfig."""
    _connected.cache_clear()
