"""The first page before there is an organization."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from executors.health import heartbeats

pytestmark = pytest.mark.django_db


def test_the_first_page_says_what_to_do_when_there_is_nothing(admin: Client) -> None:
    text = admin.get(reverse("admin:index")).content.decode()
    assert "Create an organization" in text
    assert reverse("admin:workspaces_organization_add") in text


def test_the_first_page_says_how_queue_and_cluster_do(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real one is every test's.
    monkeypatch.setattr("executors.runs.dashboard.queue_size", lambda: 0)
    health = {part.name: (part.tone, part.text) for part in admin.get(reverse("admin:index")).context["health"]}
    assert health["Cluster"] == ("quiet", "not used")
    assert health["Queue"] == ("good", "empty")
    heartbeats.write_heartbeat(heartbeats.CLUSTER)
    heartbeats.write_heartbeat(heartbeats.WORKER)
    monkeypatch.setattr("executors.runs.dashboard.queue_size", lambda: 60)
    health = {part.name: (part.tone, part.text) for part in admin.get(reverse("admin:index")).context["health"]}
    assert health["Cluster"] == ("good", "answers")
    assert health["Worker"][0] == "good"
    assert health["Queue"] == ("bad", "60 tasks wait")
