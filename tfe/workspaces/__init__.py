"""Workspaces, by name and by id."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
