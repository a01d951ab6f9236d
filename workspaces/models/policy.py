"""Policy rules for the variables that shape pods: of the installation, and of each organization below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from terrakube_site.database.built_once import BuiltOnce
from terrakube_site.messages import Message, message, translated
from workspaces.models.base import Audited, NamedInWords, Record
from workspaces.models.cluster import usable_clusters
from workspaces.models.organization import Organization
from workspaces.pods import ALL_SETTINGS
from workspaces.pods.policy.checks import loosening, wrong
from workspaces.pods.policy.installed import built_in
from workspaces.pods.policy.rules import Effect, Level, Policy, Rule
from workspaces.querysets import PolicyQuerySet


class RuleEffect(models.TextChoices):
    """What a rule does with its setting."""

    LIMITED = Effect.LIMITED.value, _("Default and limits")
    LOCKED = Effect.LOCKED.value, _("Locked")
    FORBIDDEN = Effect.FORBIDDEN.value, _("Forbidden")


def setting_choices() -> list[tuple[str, str]]:
    """Return the settings that a rule can be about."""
    return [(name, name) for name in ALL_SETTINGS]


def lines(text: str) -> tuple[str, ...]:
    """Split a text with one entry per line."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


class PolicyRule(NamedInWords, Record, Audited):
    """The rule of one level for one setting; without an organization it is the installation's."""

    newly_refused: Any = None
    """What its last save newly refuses, for the answer to a client; None where nobody asked."""

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="policy_rules",
        verbose_name=_("organization"),
        help_text=_("Organization that the rule applies to. Empty: the whole installation."),
    )
    setting = models.CharField(_("setting"), max_length=64, choices=setting_choices)
    effect = models.CharField(_("effect"), max_length=16, choices=RuleEffect, default=RuleEffect.LIMITED)
    value = models.TextField(
        _("value"),
        blank=True,
        default="",
        help_text=_("The default, or the value of a locked setting, in the format of the variable."),
    )
    allowed = models.TextField(
        _("allowed values"),
        blank=True,
        default="",
        help_text=_("Values that a variable may have, one per line; empty allows any value."),
    )
    refused = models.TextField(
        _("refused values"), blank=True, default="", help_text=_("Values that a variable may not have, one per line.")
    )
    minimum = models.CharField(_("minimum"), max_length=32, blank=True, default="")
    maximum = models.CharField(_("maximum"), max_length=32, blank=True, default="")
    reason = models.CharField(
        _("reason"),
        max_length=512,
        blank=True,
        default="",
        help_text=_("Shown to users when the rule refuses a value."),
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

    @property
    def name_in_words(self) -> Message:
        if self.organization is None:
            return message(gettext_noop("{setting} in the installation"), setting=self.setting)
        within = gettext_noop("{setting} in {organization}")
        return message(within, setting=self.setting, organization=self.organization.name)

    @property
    def level(self) -> Level:
        return Level.INSTALLATION if self.organization_id is None else Level.ORGANIZATION

    @property
    def rule(self) -> Rule:
        """Return the rule for the pure evaluation."""
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
        """Refuse a rule that is invalid, contradicts itself or loosens a higher level. Raises ValidationError."""
        if self.setting not in ALL_SETTINGS or self.effect not in RuleEffect.values:
            return
        rule = self.rule
        found = dict(wrong(rule)) or dict(loosening(rule, self._above()))
        if not found and rule.value:
            # A rule that names no cluster for all of its organizations would stop their steps.
            objections = Policy((), _clusters_of(self.organization_id)).objections(rule.setting, rule.value)
            found = {"value": objections[0].message} if objections else {}
        if found:
            raise ValidationError({name: translated(sentence) for name, sentence in found.items()})
        if self.organization_id is None:
            # The constraint's condition covers no input field, so nothing else checks it before saving.
            others = PolicyRule.objects.filter(organization=None, setting=self.setting).exclude(pk=self.pk)
            if others.exists():
                raise ValidationError(
                    {
                        "setting": gettext("The installation already has a rule for %(setting)s.")
                        % {"setting": self.setting}
                    }
                )

    def _above(self) -> Iterable[Rule]:
        """Return the rules that this one may not loosen."""
        if self.organization_id is None:
            return built_in()
        return (*built_in(), *(row.rule for row in PolicyRule.objects.filter(organization=None)))


def policy_of(organization_id: UUID | None, *, has_rules: bool = True) -> Policy:
    """Return the rules that apply to an organization, with one query; for None those of the installation alone.

    Without the query where ``has_rules`` is False, which is known to be so. Which clusters it may use is asked where
    a text names one.
    """
    if not has_rules:
        return Policy(built_in(), _clusters_of(organization_id))
    rows = _INSTALLATION.rows() if organization_id is None else _ORGANIZATION.rows(organization_id)
    return Policy((*built_in(), *(row.rule for row in rows)), _clusters_of(organization_id))


def _clusters_of(organization_id: UUID | None) -> Callable[[], tuple[str, ...]]:
    return partial(usable_clusters([organization_id]), organization_id)


_INSTALLATION = BuiltOnce(lambda: PolicyRule.objects.filter(organization=None))
_ORGANIZATION = BuiltOnce(lambda key: PolicyRule.objects.filter(Q(organization=None) | Q(organization=key)))
_ORGANIZATIONS = BuiltOnce(lambda keys: PolicyRule.objects.filter(Q(organization=None) | Q(organization__in=keys)))


def policies_of(organization_ids: Iterable[UUID]) -> dict[UUID, Policy]:
    """Return the policies of several organizations, with one query, and one more if a text names a cluster."""
    wanted = set(organization_ids)
    shared: list[Rule] = list(built_in())
    own: dict[UUID, list[Rule]] = {key: [] for key in wanted}
    for row in _ORGANIZATIONS.rows(tuple(wanted)):
        (shared if row.organization_id is None else own[row.organization_id]).append(row.rule)
    clusters = usable_clusters(wanted)
    return {key: Policy((*shared, *rules), partial(clusters, key)) for key, rules in own.items()}
