"""The addresses below /api/v1."""

from django.urls import path

from workspaces.api import resources
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.operations import OperationsView
from workspaces.api.jsonapi.views import ResourceView

registry.register(resources.ALL)

app_name = "api"
urlpatterns = [
    path("operations", OperationsView.as_view(), name="operations"),
    path("<path:path>", ResourceView.as_view(), name="resources"),
]
