"""States of workspaces, their outputs and locks."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
