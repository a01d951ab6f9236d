"""Handle a state that is not the workspace's current one when its step ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

from executors.agent.context import Context
from executors.agent.errors import StepFailed
from executors.contract.last_words import UNDELIVERED_STATE_FILE
from terrakube_site.sentences import marked as _

from .waiting_states import KeptState, StateLeft


def settle(context: Context, left: StateLeft) -> None:
    """Make the step a failed one, and say where its state is: nothing is claimed that is not there."""
    if left.recovered:
        why = left.recovered.rstrip(".")
        context.loudly(
            f"THE SITE REFUSED THE STATE: {why}. It keeps it as a recovered state, for who may manage the workspace's "
            "state to decide about."
        )
        context.state_failure = StepFailed(
            "state-refused",
            _("The site refused the last state that terraform wrote and keeps it as a recovered state: {why}."),
            why=why,
        )
        return
    kept = _write_file(context, left.content)
    if kept is not None:
        context.undelivered_state = kept
        context.loudly(f"THE LAST STATE WAS NOT DELIVERED. It is in {kept} for as long as the container's files exist.")
        context.state_failure = StepFailed(
            "state-undelivered",
            _("The last state that terraform wrote could not be sent; only the pod has it."),
        )
    else:
        context.loudly("THE LAST STATE WAS NOT DELIVERED, and no file could be written for it.")
        context.state_failure = StepFailed(
            "state-undelivered",
            _("The last state that terraform wrote could not be sent or saved to a file: it is lost."),
        )


def _write_file(context: Context, content: bytes) -> Path | None:
    if not content:
        return None
    for folder in (context.work, Path(tempfile.gettempdir()), Path("/dev/shm")):  # noqa: S108 - a last resort
        name = UNDELIVERED_STATE_FILE if folder == context.work else f"{context.work.name}-{UNDELIVERED_STATE_FILE}"
        kept = KeptState(folder / name).keep(content)
        if kept is not None:
            return kept
    return None
