"""Rules for the variables that shape pods: of the installation, and of each organization below it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from terrakube_site.sentences import translated
from workspaces.built_in_rules import built_in
from workspaces.ephemeral import SETTINGS
from workspaces.ephemeral.policy import Effect, Level, Policy, Rule
from workspaces.ephemeral.rule_checks import loosening, wrong
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.querysets import PolicyQuerySet


class RuleEffect(models.TextChoices):
    """What a rule does with its setting."""

    LIMITED = Effect.LIMITED.value, _("Default and limits")
    LOCKED = Effect.LOCKED.value, _("Locked")
    FORBIDDEN = Effect.FORBIDDEN.value, _("Forbidden")


def lines(text: str) -> tuple[str, ...]:
    """The entries of a list that is written one a line."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


class PolicyRule(Record, Audited):
    """What one level says of one setting; without an organization it is the installation's."""

    NAMES = (gettext_noop("%(setting)s in the installation"), gettext_noop("%(setting)s in %(organization)s"))

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="policy_rules",
        verbose_name=_("organization"),
        help_text=_("The organization for whose workspaces it counts; none is the installation, and so all."),
    )
    setting = models.CharField(_("setting"), max_length=64, choices=[(name, name) for name in SETTINGS])
    effect = models.CharField(_("effect"), max_length=16, choices=RuleEffect, default=RuleEffect.LIMITED)
    value = models.TextField(
        _("value"),
        blank=True,
        default="",
        help_text=_("The default, or what a locked setting is locked to, as the variable is written."),
    )
    allowed = models.TextField(
        _("allowed"),
        blank=True,
        default="",
        help_text=_("What a variable may say, one entry a line; empty is anything."),
    )
    refused = models.TextField(
        _("refused"), blank=True, default="", help_text=_("What a variable may not say, one entry a line.")
    )
    minimum = models.CharField(_("minimum"), max_length=32, blank=True, default="")
    maximum = models.CharField(_("maximum"), max_length=32, blank=True, default="")
    reason = models.CharField(
        _("reason"), max_length=512, blank=True, default="", help_text=_("Shown to whoever the rule refuses something.")
    )

    objects = PolicyQuerySet.as_manager()

    class Meta:
        ordering = ("organization__name", "setting")
        verbose_name = "policy rule"
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "setting"), name="one_rule_for_a_setting_in_an_organization"
            ),
            models.UniqueConstraint(
                fields=("setting",), condition=Q(organization=None), name="one_rule_for_a_setting_in_the_installation"
            ),
        )

    def __str__(self) -> str:
        if self.organization is None:
            return gettext(self.NAMES[0]) % {"setting": self.setting}
        return gettext(self.NAMES[1]) % {"setting": self.setting, "organization": self.organization.name}

    @property
    def level(self) -> Level:
        return Level.INSTALLATION if self.organization_id is None else Level.ORGANIZATION

    @property
    def rule(self) -> Rule:
        """The rule as the pure evaluation takes it."""
        return Rule(
            setting=self.setting,
            level=self.level,
            effect=Effect(self.effect),
            value=self.value,
            allowed=lines(self.allowed),
            refused=lines(self.refused),
            minimum=self.minimum.strip(),
            maximum=self.maximum.strip(),
            reason=self.reason,
        )

    def clean(self) -> None:
        """Refuse what is not well written, contradicts itself or loosens a higher level. Raises ValidationError."""
        if self.setting not in SETTINGS or self.effect not in RuleEffect.values:
            return
        rule = self.rule
        found = dict(wrong(rule)) or dict(loosening(rule, self._above()))
        if found:
            raise ValidationError({name: translated(sentence) for name, sentence in found.items()})
        if self.organization_id is None:
            # The condition of the constraint is about no input of its own, so nothing else looks at it before saving.
            others = PolicyRule.objects.filter(organization=None, setting=self.setting).exclude(pk=self.pk)
            if others.exists():
                raise ValidationError(
                    {
                        "setting": gettext("The installation has a rule for %(setting)s already.")
                        % {"setting": self.setting}
                    }
                )

    def _above(self) -> Iterable[Rule]:
        """The rules that this one may not loosen."""
        if self.organization_id is None:
            return built_in()
        return (*built_in(), *(row.rule for row in PolicyRule.objects.filter(organization=None)))


def policy_of(organization_id: UUID | None) -> Policy:
    """All rules for an organization, with one query; for None those of the installation alone."""
    rows = PolicyRule.objects.filter(Q(organization=None) | Q(organization=organization_id))
    return Policy((*built_in(), *(row.rule for row in rows)))


def policies_of(organization_ids: Iterable[UUID]) -> dict[UUID, Policy]:
    """The policy of each of several organizations, with one query."""
    wanted = set(organization_ids)
    shared: list[Rule] = list(built_in())
    own: dict[UUID, list[Rule]] = {key: [] for key in wanted}
    for row in PolicyRule.objects.filter(Q(organization=None) | Q(organization__in=wanted)):
        (shared if row.organization_id is None else own[row.organization_id]).append(row.rule)
    return {key: Policy((*shared, *rules)) for key, rules in own.items()}
