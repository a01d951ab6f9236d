"""The panel's pages that need to know how steps run."""

from executors.admin import attempts, checks, jobs, queue, workspaces

__all__ = ("attempts", "checks", "jobs", "queue", "workspaces")
