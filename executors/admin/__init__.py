"""The panel's pages that need to know how steps run."""

from executors.admin import attempts, jobs, queue, workspaces

__all__ = ("attempts", "jobs", "queue", "workspaces")
