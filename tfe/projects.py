"""Projects, which group the workspaces of an organization."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
