"""Addresses that providers and clients of connections call."""

from django.urls import URLPattern, path

from vcs.connections.callback import callback
from vcs.connections.views import GroupsView, RepositoriesView
from vcs.deliveries import receiving

app_name = "vcs"
urlpatterns: list[URLPattern] = [
    path("callback/v1/vcs/<str:vcs_id>", callback, name="callback"),
    path("vcs/v1/<uuid:vcs_id>/groups", GroupsView.as_view(), name="groups"),
    path("vcs/v1/<uuid:vcs_id>/repositories", RepositoriesView.as_view(), name="repositories"),
    path("webhook/v1/<str:webhook_id>", receiving.receive_v1, name="webhook-v1"),
    path("webhook/v2/<str:hook_id>", receiving.receive_v2, name="webhook-v2"),
]
