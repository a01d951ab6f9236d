"""Variables of a workspace and of an organization."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from terrakube_site.sentences import translated
from workspaces import ephemeral
from workspaces.choices import Category
from workspaces.encryption import EncryptedTextField
from workspaces.models.base import Record
from workspaces.models.organization import Organization
from workspaces.models.policy import policy_of
from workspaces.models.workspace import Workspace
from workspaces.querysets import OrganizationScopedQuerySet, VariableQuerySet

HIDDEN = "••••••••"
"""What stands where a sensitive value would be."""


def check_value(key: str, value: str, category: str) -> None:
    """Refuse a value that could only fail at launch. Raises ValidationError at the field ``value``."""
    if category == Category.ENV:
        try:
            ephemeral.validate(key, value)
        except ephemeral.EphemeralSyntaxError as error:
            raise ValidationError({"value": translated(str(error))}) from error
        if "\0" in value:
            raise ValidationError(
                {"value": _("%(key)s: an environment variable cannot hold a NUL character.") % {"key": key}}
            )


def check_policy(organization_id: UUID | None, key: str, value: str, category: str, *, sensitive: bool = False) -> None:
    """Refuse a value that a rule of a policy does not allow. Raises ValidationError at the field ``value``."""
    if category == Category.ENV and key in ephemeral.SETTINGS:
        refusals = policy_of(organization_id).objections(key, value, hidden=sensitive)
        if refusals:
            raise ValidationError({"value": [translated(one.message) for one in refusals]})


class AbstractVariable(Record):
    value = EncryptedTextField(blank=True, default="")
    category = models.CharField(max_length=16, choices=Category)
    sensitive = models.BooleanField(
        default=False, help_text=_("A sensitive value is never shown again and is masked in logs.")
    )
    hcl = models.BooleanField("HCL", default=False, help_text=_("The value is an HCL expression."))

    key: models.CharField  # type: ignore[type-arg]
    under_policy = True
    """Whether saving asks the policies; a form says no for a row of many that nobody touched."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.key)

    def clean(self) -> None:
        check_value(self.key or "", self.value or "", self.category)
        if self.under_policy:
            check_policy(
                self.organization_key, self.key or "", self.value or "", self.category, sensitive=self.sensitive
            )

    @property
    def organization_key(self) -> UUID | None:
        """The organization whose policy counts; None while the record belongs to nothing yet."""
        raise NotImplementedError

    @property
    def shown_value(self) -> str:
        """The value for people: masked when it is sensitive."""
        return HIDDEN if self.sensitive and self.value else self.value


class Variable(AbstractVariable):
    """A workspace's variable; its key is unique over both categories."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="variables")
    key = models.CharField(max_length=1024)
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API

    objects = VariableQuerySet.as_manager()

    class Meta:
        ordering = ("category", "key")
        constraints = (
            models.UniqueConstraint(fields=("workspace", "key"), name="one_variable_of_a_key_in_a_workspace"),
        )

    @property
    def organization_key(self) -> UUID | None:
        # One that is being entered may have none yet.
        workspace: Workspace | None = getattr(self, "workspace", None)
        return None if workspace is None else workspace.organization_id

    @property
    def incomplete(self) -> bool:
        """Sensitive and still without a value: a job of its workspace is refused until it has one."""
        return self.sensitive and not self.value.strip()


class GlobalVariable(AbstractVariable):
    """An organization's variable, for all of its workspaces (``globalvar`` in the API)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="globalvars")
    key = models.CharField(max_length=1024)
    description = models.CharField(max_length=128, blank=True, default="")

    objects = OrganizationScopedQuerySet.as_manager()

    class Meta:
        ordering = ("category", "key")
        verbose_name = "organization variable"
        constraints = (
            models.UniqueConstraint(fields=("organization", "key"), name="one_variable_of_a_key_in_an_organization"),
        )

    @property
    def organization_key(self) -> UUID | None:
        return self.organization_id
