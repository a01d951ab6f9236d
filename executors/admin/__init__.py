"""Pages of the panel that depend on how steps run."""

from executors.admin import attempts, checks, clusters, jobs, queue, workspaces

__all__ = ("attempts", "checks", "clusters", "jobs", "queue", "workspaces")
