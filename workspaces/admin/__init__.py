"""The admin panel of organizations, workspaces and jobs; one module a subject."""

from workspaces.admin import (
    agents,
    audit,
    collections,
    credentials,
    failed_sign_ins,
    jobs,
    organizations,
    policy,
    schedules,
    states,
    tags,
    templates,
    tokens,
    users,
    variables,
    workspaces,
)

__all__ = (
    "agents",
    "audit",
    "collections",
    "credentials",
    "failed_sign_ins",
    "jobs",
    "organizations",
    "policy",
    "schedules",
    "states",
    "tags",
    "templates",
    "tokens",
    "users",
    "variables",
    "workspaces",
)
