"""The admin panel of organizations, workspaces and jobs; one module a subject."""

from workspaces.admin import (
    audit,
    collections,
    credentials,
    jobs,
    organizations,
    templates,
    tokens,
    users,
    variables,
    workspaces,
)

__all__ = (
    "audit",
    "collections",
    "credentials",
    "jobs",
    "organizations",
    "templates",
    "tokens",
    "users",
    "variables",
    "workspaces",
)
