"""Templates: which steps a job has."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces import flows
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.querysets import OrganizationScopedQuerySet


class Template(Record, Audited):
    """A named flow; ``tcl`` is its YAML as plain text (the API carries it in base64)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=256, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    version = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001
    tcl = models.TextField("flow", help_text=_("YAML: the steps of a job, in ascending order of their number."))

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_template_of_a_name_in_an_organization"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            flows.parse(self.tcl or "")
        except flows.FlowError as error:
            raise ValidationError({"tcl": str(error)}) from error
