"""Notifications: where to tell of what, a test of it, and the deliveries with their answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from terrakube_site.messages import translated
from terrakube_site.visible import visible
from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, ReadOnly, RecordAdmin, actor_of, allows, telling
from workspaces.choices import NotificationChannel, NotificationStatus
from workspaces.display import age_column, first_and_rest
from workspaces.encryption import UNREADABLE, is_readable
from workspaces.forms.notifications import NotificationForm
from workspaces.models import NotificationConfiguration, NotificationDelivery
from workspaces.reasons import in_language
from workspaces.services import notifications
from workspaces.validation.destinations import recipients_of

_RECENT = 10
_TONES = {
    NotificationStatus.PENDING: "wait",
    NotificationStatus.SENDING: "active",
    NotificationStatus.SENT: "good",
    NotificationStatus.FAILED: "bad",
}


def _badge(status: str) -> SafeString:
    found = NotificationStatus(status)
    return format_html('<span class="tk-badge tk-{}">{}</span>', _TONES[found], found.label)


def _destination(record: NotificationConfiguration) -> str:
    """Return what may be shown of a destination: the recipients of e-mail, else the host alone."""
    if not is_readable(record, "destination_url"):
        return gettext(UNREADABLE)
    if record.channel_type == NotificationChannel.EMAIL:
        return first_and_rest(recipients_of(record.destination_url))
    return urlsplit(record.destination_url).hostname or ""


@admin.register(NotificationConfiguration)
class NotificationConfigurationAdmin(RecordAdmin):
    form = NotificationForm
    read_right = "manage_workspace"
    change_form_template = "terrakube/notification_configuration.html"
    list_display = ("name", "organization", "workspace", "channel_type", "goes_to", "events", "active", "changed")
    changed = age_column("updated_date", _("changed"))
    list_select_related = ("organization", "workspace__organization")
    list_filter = ("channel_type", "active", "organization")
    search_fields = ("name", "description", "organization__name", "workspace__name")
    empty_help = _(
        "A notification tells Slack, Teams, a webhook or an e-mail address that a job waits for approval or failed, "
        "or that a workspace drifted. Add one, then send a test."
    )
    autocomplete_fields = ("organization", "workspace")
    readonly_fields = ("goes_to", *AUDIT_FIELDS)
    fieldsets = (
        (None, {"fields": ("organization", "workspace", "name", "description", "active")}),
        (_("Where"), {"fields": ("channel_type", "goes_to", "destination_url", "signing_secret")}),
        (_("What"), {"fields": ("events", "templates")}),
        (_("Message"), {"fields": ("message_style", "message_template")}),
        AUDIT_FIELDSET,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.prefetch_related("triggers")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        # The templates to choose from are those of the organization, which is not chosen yet.
        new = {"goes_to", "templates"}
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name not in new)})
            for title, options in fieldsets
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        request._notification_organization = obj.organization_id if obj is not None else None  # type: ignore[attr-defined]
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "templates":
            organization: Any = getattr(request, "_notification_organization", None)
            model = db_field.remote_field.model
            kwargs["queryset"] = (
                model.objects.filter(organization_id=organization) if organization else model.objects.none()
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=_("goes to"))
    def goes_to(self, record: NotificationConfiguration) -> str:
        return visible(_destination(record))

    @admin.display(description=_("events"))
    def events(self, record: NotificationConfiguration) -> str:
        return first_and_rest([str(trigger) for trigger in record.triggers.all()])

    # ---- saving -----------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        data = form.cleaned_data
        parts = {"events": data["events"]}
        if "templates" in data:
            parts["templates"] = data["templates"]
        if not change:
            notifications.create_configuration(obj, by=actor_of(request), **parts)
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        changes = {name: data[name] for name in form.changed_data if name in columns and name in data}
        notifications.update_configuration(obj, changes, by=actor_of(request), **parts)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save nothing: the service has saved the events and templates with the record."""

    # ---- test and deliveries ----------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.test_view))
        return [path("<uuid:pk>/test/", view, name="workspaces_notificationconfiguration_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Send a sample, and say what the destination answered."""
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("Record not found."))
        with telling(request):
            sent = notifications.send_test(found, by=actor_of(request))
            if sent.problem:
                messages.error(request, gettext("The test was not accepted: %(why)s") % {"why": translated(sent.why)})
            else:
                messages.success(request, gettext("The test was sent and accepted."))
        return HttpResponseRedirect(reverse("admin:workspaces_notificationconfiguration_change", args=[found.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if found is not None:
            rows = found.deliveries.select_related("workspace")[: _RECENT + 1]
            context = {
                "may_test": allows(request, "manage_workspace", found),
                "deliveries": [(row, _badge(row.status)) for row in rows[:_RECENT]],
                "has_more": len(rows) > _RECENT,
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})  # type: ignore[no-any-return]


@admin.register(NotificationDelivery)
class NotificationDeliveryAdmin(ReadOnly, RecordAdmin):
    why_no_history = _("A sent notification has no history: the site writes it when it sends the message.")
    read_right = "manage_workspace"
    change_form_template = "terrakube/notification_delivery.html"
    list_display = ("__str__", "workspace", "job", "configuration", "state", "answer_status", "tries", "made")
    made = age_column("created_date", _("created"))
    list_select_related = ("organization", "workspace", "configuration")
    list_filter = ("status", "event", "organization")
    search_fields = ("configuration__name", "workspace__name")
    search_help_text = _("Search by notification or workspace")
    empty_help = _("Sent notifications are kept for 90 days, with the answer of each receiver.")
    fields = readonly_fields = (
        "configuration", "organization", "workspace", "job", "event", "state", "tries", "created_date",
        "last_attempt_at", "due_at", "answer_status", "answer_shown", "problem_shown",
    )  # fmt: skip

    @admin.display(description=_("job"), ordering="job_number")
    def job(self, record: NotificationDelivery) -> SafeString | str:
        if not record.job_number:
            return ""
        address = reverse("admin:workspaces_job_change", args=[record.job_number])
        return format_html('<a class="tk-link" href="{}">#{}</a>', address, record.job_number)

    @admin.display(description=_("state"), ordering="status")
    def state(self, record: NotificationDelivery) -> SafeString:
        return _badge(record.status)

    @admin.display(description=_("answer"))
    def answer_shown(self, record: NotificationDelivery) -> str:
        return visible(record.answer)

    @admin.display(description=_("problem"))
    def problem_shown(self, record: NotificationDelivery) -> str:
        return in_language(record.why)

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(require_POST(self.again_view))
        return [path("<uuid:pk>/again/", again, name="workspaces_notificationdelivery_again"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        may = found is not None and found.status == NotificationStatus.FAILED
        context = {"may_send_again": may and allows(request, "manage_workspace", found), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def again_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Send a delivery that was given up once more."""
        found = self.get_queryset(request).select_related("organization", "workspace").filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("Record not found."))
        with telling(request, gettext("The notification is sent again in a moment. Reload this page.")):
            notifications.send_again(found, by=actor_of(request))
        return HttpResponseRedirect(reverse("admin:workspaces_notificationdelivery_change", args=[found.pk]))
