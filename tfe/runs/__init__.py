"""Uploaded configurations, and runs of them: jobs, as a terminal follows them."""

from django.urls import path

from tfe.runs import builders, configuration_versions, logs, plan_json, uploads, views

__all__ = ["builders", "urlpatterns"]
urlpatterns = [
    path("workspaces/<str:workspace_id>/configuration-versions", configuration_versions.VersionsView.as_view()),
    path("configuration-versions/<str:version_id>", uploads.version),
    path("configuration-versions/<str:version_id>/download", configuration_versions.DownloadView.as_view()),
    path("configuration-versions/<str:version_id>/actions/archive", configuration_versions.ArchiveView.as_view()),
    path("runs", views.RunsView.as_view()),
    path("runs/<str:run_id>", views.RunView.as_view()),
    path("runs/<str:run_id>/run-events", views.EventsView.as_view()),
    path("runs/<str:run_id>/comments", views.CommentsView.as_view()),
    path("run-events/<str:event_id>", views.EventView.as_view()),
    path("comments/<str:comment_id>", views.CommentView.as_view()),
    path("runs/<str:run_id>/actions/apply", views.ApplyActionView.as_view()),
    path("runs/<str:run_id>/actions/discard", views.DiscardView.as_view()),
    path("runs/<str:run_id>/actions/cancel", views.CancelView.as_view()),
    path("runs/<str:run_id>/actions/force-cancel", views.ForceCancelView.as_view()),
    path("runs/<str:run_id>/actions/force-execute", views.ForceExecuteView.as_view()),
    path("workspaces/<str:workspace_id>/runs", views.WorkspaceRunsView.as_view()),
    path("organizations/<str:organization_name>/runs", views.OrganizationRunsView.as_view()),
    path("organizations/<str:organization_name>/runs/queue", views.QueueView.as_view()),
    path("plans/<str:plan_id>", views.PlanView.as_view()),
    path("applies/<str:apply_id>", views.ApplyView.as_view()),
    path("plans/<str:plan_id>/json-output", plan_json.PlanJsonView.as_view()),
    path("plans/<str:plan_id>/json-output-redacted", plan_json.RedactedPlanView.as_view()),
    path("runs/<str:run_id>/plan/json-output", plan_json.PlanJsonView.as_view()),
    path("runs/<str:run_id>/plan/json-output-redacted", plan_json.RedactedPlanView.as_view()),
    path("logs/<str:secret>", logs.log),
]
