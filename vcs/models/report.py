"""What is to be told to a provider: one row for each status and comment, brought up to date as often as needed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workspaces.models import Job, Vcs, Workspace
from workspaces.truncation import FittingField


class ReportKind(models.TextChoices):
    STATUS = "status", _("Status of a workspace")
    COMBINED = "combined", _("Status of a commit")
    COMMENT = "comment", _("Comment on a workspace")
    SUMMARY = "summary", _("Comment on all workspaces")
    REPLY = "reply", _("Answer")


class Report(models.Model):
    """A status or comment at a provider.

    It says nothing itself: what is to be sent is read from its job when it is sent, so a late one tells the newest. An
    answer has its text in ``body``, and the status of a workspace keeps there what its ended job came to. ``due_at``
    None: the provider has been told. ``changed_at`` tells a change that came while one was sent. While
    ``leased_until`` is in the future, one process sends it. ``sent`` is the fingerprint of what was told last,
    ``remote_id`` a comment's id at the provider.
    """

    vcs = models.ForeignKey(Vcs, on_delete=models.CASCADE, related_name="reports")
    repository = models.CharField(max_length=512)
    kind = models.CharField(max_length=16, choices=ReportKind)
    key = models.CharField(max_length=255)
    commit = models.CharField(max_length=64, blank=True, default="")
    pull_request = models.PositiveBigIntegerField(null=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="reports")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="reports")
    body = models.TextField(blank=True, default="")
    answers = models.CharField(max_length=255, blank=True, default="", help_text=_("Comment that this answers."))
    accepted = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    sent = models.CharField(max_length=64, blank=True, default="")
    remote_id = models.CharField(max_length=255, blank=True, default="")
    tries = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    problem = FittingField(max_length=512, blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("vcs", "repository", "kind", "key"), name="one_report_of_a_key"),
        )
        indexes = (
            models.Index(fields=("due_at",), condition=Q(due_at__isnull=False), name="report_due"),
            models.Index(fields=("vcs", "repository", "commit"), name="report_of_commit"),
            models.Index(fields=("changed_at",), condition=Q(due_at=None), name="report_told"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}"

    @property
    def is_given_up(self) -> bool:
        return self.due_at is None and bool(self.problem)
