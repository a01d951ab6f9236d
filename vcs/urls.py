"""Addresses that providers and clients of connections call."""

from django.urls import URLPattern, path

from vcs.deliveries import receiving

app_name = "vcs"
urlpatterns: list[URLPattern] = [
    path("webhook/v1/<str:webhook_id>", receiving.receive_v1, name="webhook-v1"),
    path("webhook/v2/<str:hook_id>", receiving.receive_v2, name="webhook-v2"),
]
