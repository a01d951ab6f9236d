"""Templates: the flows that define the steps of a job."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.flows.runtimes import check_flow
from workspaces.models.base import Audited, CheckedOnChange, Record
from workspaces.models.organization import Organization
from workspaces.querysets import TemplateQuerySet


class Template(CheckedOnChange, Record, Audited):
    """A named flow; ``tcl`` is its YAML as plain text (the API carries it in base64)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    version = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001
    tcl = models.TextField("flow", help_text=_("YAML: the steps of a job, in ascending order of their number."))

    CHECKS: ClassVar = {"tcl": check_flow}

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_template_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name
