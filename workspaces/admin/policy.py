"""Policy rules in the panel: their content, and the workspaces that violate them now or would."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from workspaces.admin.base import ADMINISTRATOR, AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin, allows, scope
from workspaces.admin.related_choices import may_be_key
from workspaces.display import age_column
from workspaces.forms.ephemeral import title_of
from workspaces.forms.policy import EXAMPLES, PolicyRuleForm
from workspaces.models import PolicyRule, Workspace
from workspaces.models.policy import policies_of
from workspaces.pods import ALL_SETTINGS, SETTINGS
from workspaces.pods.catalogue import Setting
from workspaces.pods.policy.installed import built_in
from workspaces.pods.policy.wording import summary
from workspaces.services.policy import Violation, violations, with_rule

MOST_SHOWN = 200


@admin.register(PolicyRule)
class PolicyRuleAdmin(RecordAdmin):
    form = PolicyRuleForm
    list_display = ("title", "level", "rule_text", "reason", "updated_by", "changed")
    changed = age_column("updated_date", gettext_lazy("changed"))
    list_select_related = ("organization",)
    list_filter = ("effect", "organization")
    search_fields = ("setting", "organization__name", "reason")
    search_help_text = gettext_lazy("Search by variable, organization or reason")
    list_before_template = "terrakube/policy_intro.html"
    change_form_before_template = "terrakube/policy_help.html"
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    fieldsets = (
        (None, {"fields": ("organization", "setting", "effect", "value")}),
        (gettext_lazy("Allowed values"), {"fields": ("allowed", "refused", ("minimum", "maximum"))}),
        (None, {"fields": ("reason",)}),
        AUDIT_FIELDSET,
    )

    # ---- who may ----------------------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The installation's rules apply to all users, so all may see them.
        if obj is None or obj.organization_id is None:
            return allows(request, "read")
        return super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.organization_id is None:
            return allows(request, ADMINISTRATOR)
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        if "organization" in form.base_fields and not allows(request, ADMINISTRATOR):
            form.base_fields["organization"].required = True
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "setting") if obj is not None else fixed

    # ---- list -------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("setting"), ordering="setting")
    def title(self, record: PolicyRule) -> SafeString:
        named = '{} <span class="tk-variable">{}</span>'
        return format_html(named, title_of(record.setting), record.setting)

    @admin.display(description=gettext_lazy("level"), ordering="organization__name")
    def level(self, record: PolicyRule) -> str:
        return record.organization.name if record.organization else _("Installation")

    @admin.display(description=gettext_lazy("rule"))
    def rule_text(self, record: PolicyRule) -> str:
        return summary(record.rule)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        rules = [(title_of(rule.setting), rule, summary(rule)) for rule in built_in()]
        return super().changelist_view(request, {**(extra_context or {}), "built_in_rules": rules})  # type: ignore[no-any-return]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "settings_help": list(SETTINGS.values()),
            "preview_address": reverse("admin:workspaces_policyrule_preview"),
            "examples": EXAMPLES,
            "own_setting": self._own_setting(object_id),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def _own_setting(self, object_id: str | None) -> Setting | None:
        """Return the setting that a saved rule is about."""
        if not object_id or not may_be_key(PolicyRule, object_id):
            return None
        name = PolicyRule.objects.filter(pk=object_id).values_list("setting", flat=True).first()
        return ALL_SETTINGS.get(name) if name else None

    # ---- who breaks the rules ---------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"workspaces_policyrule_{name}")

        return [
            own("violations/", self.violations_view, "violations"),
            own("preview/", require_POST(self.preview_view), "preview"),
            *super().get_urls(),
        ]

    def violations_view(self, request: HttpRequest) -> HttpResponse:
        """Show the workspaces whose next step the current rules would refuse."""
        workspaces = self._workspaces(request)
        title = _("Current violations")
        return self._results(request, title, len(workspaces), violations(workspaces))

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show the workspaces that would violate an unsaved rule; nothing is saved."""
        record = self._written(request, request.POST.get("_rule", ""))
        if not (self.has_change_permission(request, record) if record else self.has_add_permission(request)):
            raise PermissionDenied
        form_class = self.get_form(request, record, change=record is not None)
        form_class.asks_first = False
        form = form_class(request.POST, instance=record)
        if not form.is_valid():
            return self._results(request, _("The rule cannot be saved"), 0, (), form=form)
        rule: PolicyRule = form.instance
        workspaces = self._workspaces(request)
        if rule.organization_id is not None:
            workspaces = [one for one in workspaces if one.organization_id == rule.organization_id]
        policies = policies_of({one.organization_id for one in workspaces})
        with_it = {key: with_rule(policy, rule) for key, policy in policies.items()}
        found = violations(workspaces, with_it, setting=rule.setting)
        title = _("Values of %(setting)s that the rules would refuse") % {"setting": rule.setting}
        return self._results(request, title, len(workspaces), found, rule=rule)

    def _written(self, request: HttpRequest, key: str) -> PolicyRule | None:
        """Return the saved rule that is being changed; None for a new one. Raises Http404 when it is not there."""
        if not key:
            return None
        seen = PolicyRule.objects.within(scope(request))
        record: PolicyRule | None = seen.filter(pk=key).first() if may_be_key(PolicyRule, key) else None
        if record is None:
            raise Http404(_("Rule not found."))
        return record

    def _workspaces(self, request: HttpRequest) -> list[Workspace]:
        return list(Workspace.objects.alive().within(scope(request)).select_related("organization"))

    def _results(
        self, request: HttpRequest, title: str, asked: int, found: Iterable[Violation], **more: Any
    ) -> HttpResponse:
        shown = list(islice(found, MOST_SHOWN + 1))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "asked": asked,
            "violations": shown[:MOST_SHOWN],
            "cut": len(shown) > MOST_SHOWN,
            **more,
        }
        return TemplateResponse(request, "terrakube/policy_violations.html", context)
