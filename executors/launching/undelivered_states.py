"""States that an executor on this machine could not deliver: stored before its folder is removed."""

from __future__ import annotations

import logging
from pathlib import Path

from django.utils.translation import gettext_noop as _

from executors.contract.last_words import UNDELIVERED_STATE_FILE
from executors.models import Attempt
from terrakube_site.messages import marked
from workspaces.errors import ServiceError
from workspaces.models import Job
from workspaces.services.recovered_states import keep_recovered_state

logger = logging.getLogger(__name__)
_WHY = marked(_("the site did not answer until the step had ended; the state lay in the folder of its executor"))


def recover_states(attempt: Attempt, folder: Path) -> bool:
    """Store each undelivered state in an attempt's folder as a recovered state of the workspace.

    Return False if one could not be stored: the folder is then its only copy.
    """
    taken = True
    for path in sorted(folder.glob(f"work/*/{UNDELIVERED_STATE_FILE}")):
        if path.is_symlink() or not path.is_file():
            continue
        job = Job.objects.select_related("workspace").get(steps=attempt.step_id)
        try:
            keep_recovered_state(job.workspace, path.read_bytes(), job=job, why=_WHY)
        except (ServiceError, OSError) as error:
            logger.warning("The state that attempt %s left in %s could not be taken over: %s", attempt, path, error)
            taken = False
    return taken
