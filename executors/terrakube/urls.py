"""URLs that Terrakube's executor calls; at the API's own paths only reports are handled here."""

from django.urls import path, re_path

from executors.reporting.source_token import refresh
from executors.terrakube.other_endpoints import ConsumerGroupsView, ContextView, LogsView, SourceView
from executors.terrakube.reports import HistoryView, ReportView

app_name = "terrakube"
urlpatterns = [
    re_path(r"^api/v1/(?P<path>organization/[^/]+/job/[^/]+)$", ReportView.as_view(), name="job"),
    re_path(r"^api/v1/(?P<path>organization/[^/]+/job/[^/]+/step/[^/]+)$", ReportView.as_view(), name="step"),
    re_path(r"^api/v1/(?P<path>organization/[^/]+/workspace/[^/]+/history)$", HistoryView.as_view(), name="history"),
    path("logs", LogsView.as_view(), name="logs"),
    path("logs/<str:job_id>/setup-consumer-groups", ConsumerGroupsView.as_view(), name="consumer-groups"),
    path("context/v1/<str:job_id>", ContextView.as_view(), name="context"),
    path("vcs-token/v1/<str:job_id>/refresh", refresh, name="vcs-token"),
    path(
        "remote/tfe/v2/configuration-versions/<uuid:version_id>/terraformContent.tar.gz",
        SourceView.as_view(),
        name="source",
    ),
]
