"""Where the steps of the runs of these tests run: on this machine, or in pods of the cluster.

TEST_TERMINAL_PLACE is ``machine``, as it is without the variable, or ``pods``. The tests are the same in both places.
"""

from __future__ import annotations

import os

import pytest

VARIABLE = "TEST_TERMINAL_PLACE"
MACHINE, PODS = "machine", "pods"

MACHINE_ALONE = {
    "test_behind_a_proxy": "As test_restarts.",
    "test_login": "The site runs no step: sign-in is between terminal, browser and web process.",
    "test_projects": "The site runs no step: init alone creates and finds workspaces.",
    "test_restarts": "Runs wait at gates, files of this machine; tests/faults has the faults of steps in pods.",
    "test_states": "The site runs no step: with execution mode local, the commands run at the terminal.",
    "test_tls": "It says of the site that it runs steps on this machine.",
    "test_workspaces": "The site runs no step: init and the workspace commands create, list and delete workspaces.",
}
"""Modules whose tests have nothing to run in a pod, and why; they are not run where the place is ``pods``."""


def in_pods() -> bool:
    """Return whether steps run in pods. Raises UsageError for a place that does not exist."""
    place = os.environ.get(VARIABLE) or MACHINE
    if place not in (MACHINE, PODS):
        raise pytest.UsageError(f"{VARIABLE} is {place!r}, not {MACHINE} or {PODS}")
    return place == PODS
