"""What must hold when a saved plan of a pull request is approved, by whichever door."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.pull_requests.records import find_record
from workspaces.actors import Actor
from workspaces.errors import WrongState
from workspaces.models import Job
from workspaces.services.locks import lock_for_pull_request


def check_approval(job: Job, by: Actor) -> None:
    """Refuse to apply a plan that is not of the pull request's newest commit, and lock the workspace for it.

    The provider is not asked here: what it says of reviews and conflicts, commands ask before. The lock stays until the
    pull request is merged or closed, since the target's branch lacks until then what was applied. Raises WrongState.
    """
    if job.pr_number is None or not job.save_plan or job.workspace.vcs is None:
        return
    record = find_record(job.workspace.vcs, job.workspace.source, job.pr_number)
    words = {"number": job.pr_number, "job": job.pk}
    if record is None or not record.open:
        raise WrongState(message(_("Pull request {number} is not open, so job {job} is not applied."), **words))
    if record.fork:
        raise WrongState(message(_("Pull request {number} comes from a fork, which is never applied."), **words))
    if record.commit != job.commit_id:
        sentence = _("Pull request {number} has a newer commit than job {job} planned. Plan again.")
        raise WrongState(message(sentence, **words))
    lock_for_pull_request(job.workspace, job.pr_number, by=by)
