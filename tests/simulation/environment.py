"""The installation of every history: deadlines so short that a history meets each of them."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_OF_AN_INSTALLATION = ("TERRAKUBE_", "Terrakube", "Executor", "AzBuilder")
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.simulation.settings",
    "TERRAKUBE_SECRET_KEY": "the-secret-of-no-site-at-all-0123456789",
    "AzBuilderApiUrl": "http://site.example",
    "ExecutorEphemeralNamespace": "simulated",
    "ExecutorEphemeralImage": "terrakube-executor:simulated",
    "ExecutorLostAfterSeconds": "60",
    "ExecutorOutageSeconds": "30",
    "ExecutorEphemeralTtlSeconds": "60",
    "ExecutorEphemeralGraceSeconds": "20",
    "ExecutorEphemeralApplyGraceSeconds": "20",
    "ExecutorEphemeralStartTimeoutSeconds": "60",
    "ExecutorEphemeralUnschedulableSeconds": "30",
    "ExecutorEphemeralNodeWaitSeconds": "30",
    "ExecutorEphemeralReferenceSeconds": "20",
    "ExecutorEphemeralImageSeconds": "20",
    "ExecutorEphemeralClaimSeconds": "30",
    "ExecutorWarmPodSeconds": "60",
}


def set_up(folder: str, environ: MutableMapping[str, str] | None = None) -> None:
    """Make this process one of simulations; ``folder`` is for what an installation keeps in files."""
    environ = os.environ if environ is None else environ
    for name in [name for name in environ if name.startswith(_OF_AN_INSTALLATION)]:
        del environ[name]
    environ.update(ENVIRONMENT, TERRAKUBE_DATA_DIR=folder)
