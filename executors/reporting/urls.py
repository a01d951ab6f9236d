"""URLs that an executor calls, below the attempt's address."""

from django.urls import include, path

from executors.reporting import files, source_token, state, views, warm_pods

_attempt = [
    path("claim", views.claim, name="claim"),
    path("heartbeat", views.heartbeat, name="heartbeat"),
    path("logs", views.log, name="logs"),
    path("result", views.result, name="result"),
    path("source", files.source, name="source"),
    path("source-token", source_token.source_token, name="source-token"),
    path("plan-file", files.plan_file, name="plan-file"),
    path("plan-lock-file", files.plan_lock_file, name="plan-lock-file"),
    path("plan-files", files.plan_files, name="plan-files"),
    path("plan-manifest", files.plan_manifest, name="plan-manifest"),
    path("plan-json", files.plan_json, name="plan-json"),
    path("state-json", files.state_json, name="state-json"),
    path("state", state.state, name="state"),
    path("recovered-state", state.recovered_state, name="recovered-state"),
    path("lock", state.lock, name="lock"),
    path("unlock", state.unlock, name="unlock"),
]
app_name = "reporting"
urlpatterns = [
    path("attempts/<uuid:attempt_id>/", include(_attempt)),
    path("warm-pods/<uuid:pod_id>/wait", warm_pods.wait, name="wait"),
]
