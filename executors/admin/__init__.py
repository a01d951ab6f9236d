"""Pages of the panel that depend on how steps run."""

from executors.admin import attempts, checks, jobs, queue, workspaces

__all__ = ("attempts", "checks", "jobs", "queue", "workspaces")
