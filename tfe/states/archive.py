"""Terrakube's addresses for the upload of an announced state, outside of the protocol's paths."""

from django.urls import path

from tfe.states.uploads import archive_json, archive_state

app_name = "archive"
urlpatterns = [
    path("tfstate/v1/archive/<str:archive_id>/terraform.tfstate", archive_state, name="state"),
    path("tfstate/v1/archive/<str:archive_id>/terraform.json.tfstate", archive_json, name="json"),
]
