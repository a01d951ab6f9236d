"""Webhooks: jobs that begin when something happens in a workspace's repository."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces import patterns
from workspaces.choices import PatternType, WebhookEventType
from workspaces.models.acting import ActsFor
from workspaces.models.base import Audited, Record
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import WebhookEventQuerySet, WorkspaceScopedQuerySet
from workspaces.truncation import FittingField

HIGHEST_EVENT_PRIORITY = 1_000_000


class Webhook(Record, Audited):
    """That events of the repository start jobs on a workspace; which ones, its events say.

    With ``migrated_v2`` one webhook at the provider serves all workspaces of a repository, else this one has its own.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="webhook")
    remote_hook_id = FittingField(
        max_length=220,
        null=True,
        blank=True,
        editable=False,
        help_text=_("ID of the webhook at the provider; empty until it is registered, and where workspaces share one."),
    )
    migrated_v2 = models.BooleanField(
        _("shared webhook"),
        default=False,
        help_text=_("All workspaces of the repository share one webhook at the provider."),
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("created_date",)

    def __str__(self) -> str:
        return str(self.workspace)


class WebhookEvent(Record, Audited, ActsFor):
    """What starts a job: an event of a branch that changes a path; the job follows a template.

    The job starts with the rights of the user who last saved the event.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="events")
    event = models.CharField(max_length=16, choices=WebhookEventType, default=WebhookEventType.PUSH)
    branch = models.CharField(
        max_length=512,
        blank=True,
        default="",
        help_text=_(
            "Branches or tags, separated by commas; for a pull request, its source branch. Empty: the workspace's "
            "own branch, or any tag."
        ),
    )
    branch_type = models.CharField(
        _("branch format"),
        max_length=8,
        choices=PatternType,
        default=PatternType.REGEX,
        help_text=_("Format of the branches."),
    )
    path = models.CharField(
        max_length=512,
        blank=True,
        default="",
        help_text=_(
            "Changed files, separated by commas. Empty: the path of the workspace and the local modules it uses."
        ),
    )
    path_type = models.CharField(
        _("path format"),
        max_length=8,
        choices=PatternType,
        default=PatternType.REGEX,
        help_text=_("Format of the paths."),
    )
    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="webhook_events")
    priority = models.IntegerField(
        default=0,
        validators=[MinValueValidator(-HIGHEST_EVENT_PRIORITY), MaxValueValidator(HIGHEST_EVENT_PRIORITY)],
        help_text=_("The first matching event starts the job; lower numbers come first."),
    )
    pr_workflow_enabled = models.BooleanField(
        _("comments"), default=False, help_text=_("Report to the pull request, and accept commands in its comments.")
    )
    pr_apply_enabled = models.BooleanField(
        _("apply by comment"), default=False, help_text=_("Accept the command that applies before the merge.")
    )

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        ordering = ("priority", "created_date")

    def __str__(self) -> str:
        return f"{self.get_event_display()} {self.branch}".rstrip()

    def clean(self) -> None:
        super().clean()
        errors = {}
        for name, text, kind in (("branch", self.branch, self.branch_type), ("path", self.path, self.path_type)):
            try:
                pattern_list(text, kind)
            except patterns.PatternError as error:
                errors[name] = _refusal(text, kind, error)
        if errors:
            raise ValidationError(errors)


def pattern_list(text: str, kind: str) -> patterns.Patterns:
    """Return the patterns of a branch or path. Raises PatternError."""
    return patterns.globs(text) if kind == PatternType.PATTERN else patterns.regular_expressions(text)


def _refusal(text: str, kind: str, error: patterns.PatternError) -> ValidationError:
    sentence = (
        _('"%(text)s" is not a valid glob: %(reason)s (character %(place)s).')
        if kind == PatternType.PATTERN
        else _('"%(text)s" is not a valid regular expression here: %(reason)s (character %(place)s).')
    )
    return ValidationError(
        sentence, code="invalid", params={"text": text, "reason": gettext(error.reason), "place": error.place}
    )
