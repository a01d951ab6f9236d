"""The fixed vocabularies of deliveries."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventKind(models.TextChoices):
    """What a delivery tells of."""

    PUSH = "push", _("Push")
    TAG = "tag", _("Tag")
    PULL_REQUEST = "pull_request", _("Pull request")
    COMMENT = "comment", _("Comment")
    RELEASE = "release", _("Release")
    PING = "ping", _("Ping")


class DeliveryStatus(models.TextChoices):
    """How far the handling of a delivery is."""

    PENDING = "PENDING", _("Pending")
    PROCESSING = "PROCESSING", _("Processing")
    PROCESSED = "PROCESSED", _("Processed")
    FAILED = "FAILED", _("Failed")
