"""The form of a policy rule: each setting by its title, lists with one entry per line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from workspaces.forms.ephemeral import title_of
from workspaces.models import PolicyRule
from workspaces.models.policy import RuleEffect
from workspaces.pods import ALL_SETTINGS, catalogue
from workspaces.services.policy import Consequences, consequences_of

_TEXTS = ("value", "allowed", "refused")


CONFIRMED = "_confirmed"
"""The name of the button that saves a rule although it refuses workspaces; its value is the rule's fingerprint."""
MOST_NAMED = 100
RULE_FIELDS = ("organization_id", "setting", "effect", "value", "allowed", "refused", "minimum", "maximum")
_HELP = {
    "effect": _(
        "Default and limits: variables may set what the lists and bounds allow. Locked: the value is in force "
        "everywhere. Forbidden: no variable may set it."
    ),
    "value": _("The default, or the value of a locked setting, written like the variable. Example: 1Gi."),
    "allowed": _(
        "Only these values may be set, one per line; * matches any text. Empty: any value. Examples: tf-*, pool=tf-*."
    ),
    "refused": _("These values may never be set, one per line, even if allowed above. Example: gpu::NoSchedule."),
    "minimum": _("For amounts: lowest value allowed, and the request if none is set. Example: 256Mi."),
    "maximum": _("For amounts: highest value allowed, and the limit if none is set. Example: 8Gi."),
    "reason": _("Shown to users when the rule refuses a value. Example: Ask the platform team for more."),
}


@dataclass(frozen=True, slots=True)
class Example:
    """A rule that shows what the fields are for: its purpose, and the labels of its fields with their texts."""

    purpose: Any
    setting: str
    effect: Any
    fields: tuple[tuple[Any, str], ...] = ()


_VALUE, _ALLOWED, _REFUSED, _MAXIMUM = _("Value"), _("Allowed values"), _("Refused values"), _("Maximum")
EXAMPLES = (
    Example(_("All steps run in pods"), catalogue.ENABLE, RuleEffect.LOCKED.label, ((_VALUE, "1"),)),
    Example(
        _("1 GiB by default, at most 8 GiB"),
        "EPHEMERAL_MEMORY_LIMIT",
        RuleEffect.LIMITED.label,
        ((_VALUE, "1Gi"), (_MAXIMUM, "8Gi")),
    ),
    Example(
        _("Only service accounts of one team"),
        catalogue.SERVICE_ACCOUNT,
        RuleEffect.LIMITED.label,
        ((_ALLOWED, "tf-net-*"),),
    ),
    Example(
        _("Nodes of one pool, never those with a GPU"),
        catalogue.NODE_SELECTOR,
        RuleEffect.LIMITED.label,
        ((_VALUE, "pool=tf"), (_REFUSED, "gpu")),
    ),
    Example(_("No ConfigMap may be mounted"), catalogue.CONFIG_MAP_NAME, RuleEffect.FORBIDDEN.label),
)


class PolicyRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Asks before it saves a rule that refuses workspaces: it is invalid until that rule is confirmed."""

    asks_first = True
    consequences: Consequences | None = None

    class Meta:
        model = PolicyRule
        fields = ("organization", "setting", "effect", "value", "allowed", "refused", "minimum", "maximum", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _TEXTS:
            if name in self.fields:
                rows = 1 if name == "value" else 3
                self.fields[name].widget = UnfoldAdminTextareaWidget(
                    attrs={"rows": rows, "class": "tk-mono", "spellcheck": "false"}
                )
        if "setting" in self.fields:
            choices = [("", _("Choose one")), *((name, f"{title_of(name)} ({name})") for name in ALL_SETTINGS)]
            self.fields["setting"].widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields["setting"].help_text = _("The variable that the rule applies to.")

        for name, help_text in _HELP.items():
            if name in self.fields:
                self.fields[name].help_text = help_text

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors or not self.asks_first or self.data.get(CONFIRMED) == self.fingerprint:
            return
        self.consequences = consequences_of(self.instance, most=MOST_NAMED)
        if self.consequences.refused:
            text = ngettext(
                "Not saved yet: this rule would refuse the next step of %(number)d workspace.",
                "Not saved yet: this rule would refuse the next steps of %(number)d workspaces.",
                self.consequences.refused,
            )
            self.add_error(None, text % {"number": self.consequences.refused})

    @property
    def fingerprint(self) -> str:
        """Return a fingerprint of the rule as it was entered; a confirmation counts for that rule alone."""
        entered = [str(getattr(self.instance, name)) for name in RULE_FIELDS]
        return hashlib.sha256(json.dumps(entered).encode()).hexdigest()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in _TEXTS:
            if isinstance(data.get(name), str):
                data[name] = data[name].replace("\r\n", "\n").strip()
        return data
