"""What this installation's settings say of limits and deadlines, in the words of ``workspaces.run_limits``."""

from __future__ import annotations

from executors.conf import Installation, installation
from terrakube_site.env import SettingErrors
from workspaces.run_limits import Limits


def limits_of(conf: Installation) -> Limits:
    """The installation's limits."""
    return Limits(
        image_seconds=conf.image_seconds,
        reference_seconds=conf.reference_seconds,
        unschedulable_seconds=conf.unschedulable_seconds,
        claim_seconds=conf.claim_seconds,
        silence_seconds=conf.lost_after_seconds,
        step_seconds=conf.deadline_seconds,
        retry_plans=False,
    )


def installation_limits() -> Limits:
    """The limits of this process's environment; none where its settings are wrong, as ``manage.py check`` says."""
    try:
        return limits_of(installation())
    except SettingErrors:
        return Limits()
