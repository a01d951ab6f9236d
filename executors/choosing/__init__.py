"""Choosing a repository for new workspaces: its branches, its folders, and names for the workspaces."""
