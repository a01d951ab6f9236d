"""Notifications: where an organization or workspace is told of which events, and what was sent."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import from_json
from workspaces.choices import (
    TRIGGERS,
    MessageStyle,
    NotificationChannel,
    NotificationEvent,
    NotificationStatus,
)
from workspaces.encryption import EncryptedTextField, is_readable
from workspaces.message_templates import LONGEST_TEMPLATE, TemplateError, check_template
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.models.template import Template
from workspaces.models.workspace import Workspace
from workspaces.querysets import (
    NotificationConfigurationQuerySet,
    NotificationDeliveryQuerySet,
    NotificationTriggerQuerySet,
)
from workspaces.truncation import FittingField
from workspaces.validation.destinations import LONGEST_DESTINATION, check_destination

LONGEST_SECRET = 255
PLACES = ("organization", "workspace", "job", "event", "status", "reason", "commit", "url")
"""The names that a message may have in braces."""


class NotificationConfiguration(Record, Audited):
    """Where to tell of some events of an organization, or of one of its workspaces.

    ``workspace`` None: of all workspaces, and of what belongs to the whole organization. Those of the organization and
    of the workspace both count. Without templates the jobs of every template are told.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="notification_configurations")
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_configurations",
        help_text=_("Empty: all workspaces of the organization."),
    )
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    channel_type = models.CharField(_("channel"), max_length=16, choices=NotificationChannel)
    destination_url = EncryptedTextField(
        _("destination"),
        max_length=LONGEST_DESTINATION,
        help_text=_("Address of the incoming webhook, or mailto:ann@example.org,ben@example.org. Kept as a secret."),
    )
    signing_secret = EncryptedTextField(
        blank=True,
        default="",
        max_length=LONGEST_SECRET,
        help_text=_("Signs the messages to a webhook, so that the receiver can verify the sender."),
    )
    active = models.BooleanField(default=True)
    message_style = models.CharField(max_length=16, choices=MessageStyle, default=MessageStyle.DETAILED)
    message_template = models.TextField(
        blank=True,
        default="",
        max_length=LONGEST_TEMPLATE,
        help_text=_(
            "Your own message instead of the default. Placeholders: {organization}, {workspace}, {job}, {event}, "
            "{status}, {reason}, {commit} and {url}."
        ),
    )
    templates = models.ManyToManyField(
        Template,
        blank=True,
        related_name="notification_configurations",
        verbose_name=_("templates"),
        help_text=_("Only jobs of these templates. Empty: all templates."),
    )

    objects = NotificationConfigurationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "notification"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        errors: dict[str, ValidationError] = {}
        if is_readable(self, "destination_url") and self.destination_url:
            try:
                check_destination(self.channel_type, self.destination_url)
            except ValidationError as error:
                errors["destination_url"] = error
        if is_readable(self, "signing_secret") and len(self.signing_secret) > LONGEST_SECRET:
            errors["signing_secret"] = _too_long(self.signing_secret, LONGEST_SECRET)
        if len(self.message_template) > LONGEST_TEMPLATE:
            errors["message_template"] = _too_long(self.message_template, LONGEST_TEMPLATE)
        try:
            check_template(self.message_template, PLACES)
        except TemplateError as error:
            errors["message_template"] = ValidationError(
                _('"%(wrong)s" (character %(place)d) is not a name in this template. Allowed: %(names)s.'),
                code="invalid",
                params={
                    "wrong": error.wrong[:64],
                    "place": error.place,
                    "names": ", ".join(f"{{{name}}}" for name in PLACES),
                },
            )
        if errors:
            raise ValidationError(errors)


def _too_long(text: str, most: int) -> ValidationError:
    return ValidationError(
        _("The text has %(length)d characters; at most %(most)d are allowed."),
        code="invalid",
        params={"length": len(text), "most": most},
    )


class NotificationTrigger(Record):
    """One event of which a configuration tells."""

    configuration = models.ForeignKey(NotificationConfiguration, on_delete=models.CASCADE, related_name="triggers")
    job_status = models.CharField(_("event"), max_length=32, choices=TRIGGERS)

    objects = NotificationTriggerQuerySet.as_manager()

    class Meta:
        ordering = ("job_status",)
        verbose_name = "notification event"
        constraints = (models.UniqueConstraint(fields=("configuration", "job_status"), name="one_trigger_of_an_event"),)
        indexes = (models.Index(fields=("job_status", "configuration"), name="trigger_of_event"),)

    def __str__(self) -> str:
        return str(self.get_job_status_display())

    @property
    def organization(self) -> Organization:
        return self.configuration.organization

    @property
    def workspace(self) -> Workspace | None:
        """The workspace whose managers may change it, None for the whole organization."""
        return self.configuration.workspace


class NotificationDelivery(Record):
    """One message to one destination, written with the change that it tells of, and sent by a task.

    ``workspace`` is the one that it tells of, None for what belongs to the whole organization. ``facts`` are what it
    says; the message is made of them when it is sent. ``due_at`` None: sent or given up. While ``leased_until`` is in
    the future, one process sends it. ``key`` keeps one thing from being told twice; empty for what may happen again.
    """

    configuration = models.ForeignKey(NotificationConfiguration, on_delete=models.CASCADE, related_name="deliveries")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="notification_deliveries")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, related_name="notification_deliveries"
    )
    job_number = models.PositiveBigIntegerField(_("job"), null=True)
    event = models.CharField(max_length=32, choices=NotificationEvent)
    key = models.CharField(max_length=200, blank=True, default="")
    facts = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=NotificationStatus, default=NotificationStatus.PENDING)
    tries = models.PositiveIntegerField(default=0)
    created_date = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(_("last try"), null=True)
    answer_status = models.PositiveIntegerField(null=True)
    answer = models.TextField(blank=True, default="")
    problem = FittingField(max_length=512, blank=True, default="")
    problem_words = models.JSONField(null=True, editable=False)

    objects = NotificationDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_date",)
        verbose_name = "sent notification"
        constraints = (
            models.UniqueConstraint(
                fields=("configuration", "key"), condition=~Q(key=""), name="one_delivery_of_a_key"
            ),
        )
        indexes = (
            models.Index(fields=("due_at",), condition=Q(due_at__isnull=False), name="delivery_due"),
            models.Index(fields=("organization", "-created_date"), name="delivery_of_organization"),
            models.Index(fields=("workspace", "-created_date"), name="delivery_of_workspace"),
            models.Index(fields=("configuration", "-created_date"), name="delivery_of_configuration"),
            models.Index(fields=("created_date",), name="delivery_created"),
        )

    def __str__(self) -> str:
        return str(self.get_event_display())

    @property
    def why(self) -> str:
        """What kept the last try from being taken, as a message; "" if nothing did."""
        return from_json(self.problem_words) if self.problem_words is not None else self.problem
