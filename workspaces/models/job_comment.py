"""What people say about a job, beside what they say when they start or decide it."""

from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.models.base import Record
from workspaces.models.job import Job
from workspaces.querysets import JobScopedQuerySet
from workspaces.truncation import FittingField

LONGEST_COMMENT = 4000
"""Characters of a comment."""


class JobComment(Record):
    """A comment on a job; it is kept as long as its job, and nobody changes it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="thread")
    text = models.CharField(
        max_length=LONGEST_COMMENT,
        validators=[ProhibitNullCharactersValidator()],
        help_text=_("The comment, in plain text."),
    )
    author = FittingField(max_length=256, editable=False)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_date = models.DateTimeField(default=timezone.now, editable=False)

    objects = JobScopedQuerySet.as_manager()

    class Meta:
        ordering = ("created_date", "id")
        indexes = (models.Index(fields=("job", "created_date"), name="comment_of_job"),)

    def __str__(self) -> str:
        return gettext("Comment on job %(number)s") % {"number": self.job_id}
