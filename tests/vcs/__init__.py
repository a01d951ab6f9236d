"""Tests of connections, webhooks and pull requests."""
