"""Comment on jobs."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, is_admin, name_of, user_key
from workspaces.choices import HistoryVerb
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.models import Job, JobComment
from workspaces.models.history_recording import note_event
from workspaces.permissions import rights
from workspaces.services.saving import save_valid

MOST_COMMENTS = 200
"""Comments on one job, so that its page and its documents stay short."""


def may_comment(job: Job, *, by: Actor) -> bool:
    """Return whether an actor may comment on a job: whoever may read it, since a comment changes nothing."""
    return rights(by, job.organization, job.workspace).read


def comment_on_job(job: Job, text: str, *, by: Actor) -> JobComment:
    """Add a comment to a job, whatever its status. Nobody is notified.

    Blanks around the text do not count. Raises NotAllowed, InvalidInput for a text that is empty or too long, and
    WrongState for a job with as many comments as it may have, or one that was deleted.
    """
    if not may_comment(job, by=by):
        raise NotAllowed(message(_("You may not comment on job {number}."), number=job.pk))
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInput(_("A comment needs text."), fields={"text": "missing"})
    with transaction.atomic():
        # The row is the lock under which comments are counted.
        if Job.objects.select_for_update(of=("self",)).only("id").filter(pk=job.pk).first() is None:
            raise WrongState(message(_("Job {number} was deleted."), number=job.pk))
        if JobComment.objects.filter(job=job).count() >= MOST_COMMENTS:
            sentence = _("Job {number} has {most} comments, the most that are allowed.")
            raise WrongState(message(sentence, number=job.pk, most=MOST_COMMENTS))
        found = save_valid(JobComment(job=job, text=text, author=name_of(by), author_user_id=user_key(by)))
        # The history does not repeat the text: it would stay there when the comment is deleted.
        note_event(job, HistoryVerb.COMMENTED, by=by)
    return found


def may_delete_comment(comment: JobComment, *, by: Actor) -> bool:
    """Return whether an actor may delete a comment: its author, and administrators."""
    key = user_key(by)
    return is_admin(by) or (key is not None and key == comment.author_user_id)


def delete_comment(comment: JobComment, *, by: Actor) -> None:
    """Delete a comment. Raises NotAllowed."""
    job = comment.job
    if not may_delete_comment(comment, by=by):
        sentence = _("You may not delete a comment on job {number}: its author and administrators may.")
        raise NotAllowed(message(sentence, number=job.pk))
    with transaction.atomic():
        sentence = message(_("Comment by {person}"), person=comment.author)
        note_event(comment, HistoryVerb.DELETED, by=by, kind="comment", name=str(job.pk), sentence=sentence)
        comment.delete()
